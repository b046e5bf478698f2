//! As much of a registry as it takes to pull what a layout holds (OCI Distribution
//! Specification v1.1, §Pull), under any name.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::{MANIFEST, blob_path};

/// Serves the layout in `folder`, one request after the other, for ever.
pub fn serve(listener: &TcpListener, folder: &Path) -> io::Result<()> {
    for visitor in listener.incoming() {
        // Whoever goes away early is nobody's failure.
        let _ = answer(visitor?, folder);
    }
    Ok(())
}

fn answer(mut visitor: TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(visitor.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, media_type, digest, body) = match find(folder, path) {
        Some((media_type, digest, body)) => ("200 OK", media_type, digest, body),
        None => ("404 Not Found", "text/plain", String::new(), Vec::new()),
    };
    write!(
        visitor,
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ndocker-content-digest: {digest}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        visitor.write_all(&body)?;
    }
    Ok(())
}

/// Media type, digest and bytes of what lies at the path.
fn find(folder: &Path, path: &str) -> Option<(&'static str, String, Vec<u8>)> {
    if path == "/v2/" {
        return Some(("application/json", String::new(), b"{}".to_vec()));
    }
    let path = path.strip_prefix("/v2/")?;
    if let Some((_, reference)) = path.split_once("/manifests/") {
        let digest = manifest_digest(folder, reference)?;
        let body = fs::read(blob_path(folder, &digest)).ok()?;
        return Some((MANIFEST, digest, body));
    }
    let (_, digest) = path.split_once("/blobs/")?;
    let name = digest.strip_prefix("sha256:")?;
    // A path would lead out of the folder.
    let is_name = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let body = is_name.then(|| fs::read(blob_path(folder, digest)).ok())??;
    Some(("application/octet-stream", digest.to_owned(), body))
}

/// The digest of the manifest that a tag or a digest names.
fn manifest_digest(folder: &Path, reference: &str) -> Option<String> {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).ok()?).ok()?;
    let manifests = index["manifests"].as_array()?;
    let names = |manifest: &&Value| {
        manifest["annotations"]["org.opencontainers.image.ref.name"] == reference
            || manifest["digest"] == reference
    };
    manifests.iter().find(names)?["digest"].as_str().map(str::to_owned)
}
