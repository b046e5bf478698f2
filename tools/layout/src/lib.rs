//! A component as an OCI image layout (OCI Image Format Specification v1.1), with
//! the media types that the CNCF gave to Wasm artifacts: what `wkg oci pull` reads
//! once a registry has it. [`image`] writes a layout with the program's container image.
//!
//! Nothing in it tells when or where it was made: the same component gives the same
//! digests.

pub mod bill;
pub mod image;
pub mod registry;

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wit_component::DecodedWasm;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// Writes the layout of `component` to `folder`, which is made, under the name
/// `version`. Returns the manifest's digest.
pub fn write(component: &[u8], folder: &Path, version: &str) -> Result<String, Box<dyn Error>> {
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    let layer = blob(folder, LAYER, component)?;
    let config = blob(folder, CONFIG, &bytes(&config(component, &layer["digest"])?))?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layer],
    });
    let manifest = bytes(&manifest);
    let digest = digest(&manifest);
    let manifest = blob(folder, MANIFEST, &manifest)?;
    finish(folder, manifest, version)?;
    Ok(digest)
}

/// What the component wants and offers. `created` has to be there; it is the same
/// for all.
fn config(component: &[u8], layer: &Value) -> Result<Value, Box<dyn Error>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        return Err("a WIT package without code is no component".into());
    };
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key));
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key));
    Ok(json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer],
        "component": {
            "imports": imports.collect::<Vec<_>>(),
            "exports": exports.collect::<Vec<_>>(),
        },
    }))
}

/// Writes what makes a folder of blobs a layout, in which `version` names `content`.
fn finish(folder: &Path, mut content: Value, version: &str) -> io::Result<()> {
    content["annotations"] = json!({ "org.opencontainers.image.ref.name": version });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [content] });
    fs::write(folder.join("index.json"), bytes(&index))?;
    fs::write(folder.join("oci-layout"), bytes(&json!({ "imageLayoutVersion": "1.0.0" })))
}

/// Writes a blob, and returns its descriptor.
fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> io::Result<Value> {
    let digest = digest(bytes);
    fs::write(blob_path(folder, &digest), bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
}

/// Where the blob with this digest is.
fn blob_path(folder: &Path, digest: &str) -> std::path::PathBuf {
    folder.join("blobs").join(digest.replacen(':', "/", 1))
}

fn digest(bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digest}")
}

/// Members in the order of their names.
fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
