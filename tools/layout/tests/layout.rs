//! A layout is what registries and `wkg` expect, and the same every time.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::{fs, thread};

use latchstring::component::LOGIN;
use latchstring_layout::{registry, write};
use serde_json::{Value, json};

/// Every file of the layout, by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let blobs = folder.join("blobs/sha256");
    let paths = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.chain([folder.join("index.json"), folder.join("oci-layout")]);
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    paths.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_layout_leads_from_its_index_to_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let digest = write(LOGIN, folder.path(), "1.2.3").unwrap();
    let files = files(folder.path());
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let bytes = &files[&format!("blobs/{digest}")];
        assert_eq!(descriptor["size"], bytes.len());
        bytes.clone()
    };
    assert_eq!(document(&files["oci-layout"]), json!({ "imageLayoutVersion": "1.0.0" }));
    let index = document(&files["index.json"]);
    let entry = &index["manifests"][0];
    assert_eq!(entry["digest"], digest);
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1.2.3");

    let manifest = document(&blob(entry));
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert!(blob(&manifest["layers"][0]) == LOGIN);

    let config = document(&blob(&manifest["config"]));
    assert_eq!(config["layerDigests"], json!([manifest["layers"][0]["digest"]]));
    let world = json!({ "imports": [], "exports": ["latchstring:login/flow@0.3.0"] });
    assert_eq!(config["component"], world);
}

#[test]
fn the_same_component_gives_the_same_layout() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, other] = folders.each_ref().map(|folder| {
        write(LOGIN, folder.path(), "1.2.3").unwrap();
        files(folder.path())
    });
    assert!(one == other);
}

#[test]
fn a_registry_hands_out_what_is_in_the_layout_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let digest = write(LOGIN, folder.path(), "1.2.3").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let path = folder.path().to_owned();
    thread::spawn(move || registry::serve(&listener, &path));

    let by_tag = get(address, "/v2/any/name/manifests/1.2.3");
    assert!(by_tag.starts_with("HTTP/1.1 200 ") && by_tag.contains(&digest), "{by_tag}");
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&get(address, &format!("/v2/any/manifests/{digest}"))), body(&by_tag));
    for stranger in ["/v2/any/manifests/9.9.9", "/v2/any/blobs/sha256:../../secret", "/secret"] {
        assert!(get(address, stranger).starts_with("HTTP/1.1 404 "), "{stranger}");
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
