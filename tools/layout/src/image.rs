//! A container image of the program for several architectures, as an OCI image layout (OCI
//! Image Format Specification v1.1).

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::{INDEX, MANIFEST, blob, bytes, digest, finish};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The files of an image.
pub struct Layer<'a> {
    /// The name that Go has for the architecture.
    pub architecture: &'a str,
    /// A tar archive.
    pub archive: Vec<u8>,
}

/// Reads the layers that words such as `arm64=layer.tar` name.
///
/// # Errors
///
/// Fails if a word has another form, or if a file cannot be read.
pub fn layers<'a>(words: &[&'a str]) -> Result<Vec<Layer<'a>>, Box<dyn Error>> {
    let layer = |word: &&'a str| {
        let (architecture, file) = word.split_once('=').ok_or("a layer is ARCHITECTURE=FILE")?;
        let archive = fs::read(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
        Ok(Layer { architecture, archive })
    };
    words.iter().map(layer).collect()
}

/// Writes the layout to `folder`, which is made, under the name `version`. Returns the digest
/// of the index of images.
///
/// # Errors
///
/// Fails if the folder cannot be written.
pub fn write(folder: &Path, version: &str, layers: &[Layer]) -> Result<String, Box<dyn Error>> {
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    let images = layers.iter().map(|layer| image(folder, layer, version));
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images });
    let index = blob(folder, INDEX, &bytes(&index))?;
    let digest = index["digest"].as_str().unwrap_or_default().to_owned();
    finish(folder, index, version)?;
    Ok(digest)
}

/// Writes the image for one architecture, and returns its descriptor.
fn image(folder: &Path, layer: &Layer, version: &str) -> Result<Value, Box<dyn Error>> {
    let Layer { architecture, archive } = layer;
    let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    compressed.write_all(archive)?;
    let compressed = blob(folder, LAYER, &compressed.finish()?)?;
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": "65532:65532",
            "Env": ["PATH=/usr/bin", "HOME=/home/latch"],
            "Entrypoint": ["/usr/bin/latch"],
            "WorkingDir": "/home/latch",
            "Labels": {
                "org.opencontainers.image.title": "latch",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(archive)] },
        "history": [{ "created": "1970-01-01T00:00:00Z" }],
    });
    let config = blob(folder, CONFIG, &bytes(&config))?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [compressed],
    });
    let mut descriptor = blob(folder, MANIFEST, &bytes(&manifest))?;
    descriptor["platform"] = json!({ "architecture": architecture, "os": "linux" });
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")]

    use super::*;

    #[test]
    fn an_image_of_two_architectures_is_found_by_its_version_and_is_always_the_same() {
        let layers = || {
            ["amd64", "arm64"].map(|architecture| Layer { architecture, archive: vec![0; 1024] })
        };
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let digest = write(one.path(), "1.0.0", &layers()).unwrap();
        assert_eq!(digest, write(other.path(), "1.0.0", &layers()).unwrap());

        let read = |path: &str| -> Value {
            serde_json::from_slice(&fs::read(one.path().join(path)).unwrap()).unwrap()
        };
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            format!("blobs/{}", digest.replace(':', "/"))
        };
        let named = &read("index.json")["manifests"][0];
        assert_eq!(named["annotations"]["org.opencontainers.image.ref.name"], "1.0.0");
        assert_eq!(named["digest"], digest);
        let index = read(&blob(named));
        for (image, expected) in index["manifests"].as_array().unwrap().iter().zip(layers()) {
            assert_eq!(image["platform"]["architecture"], expected.architecture);
            let config = read(&blob(&read(&blob(image))["config"]));
            assert_eq!(config["architecture"], expected.architecture);
            assert_eq!(config["rootfs"]["diff_ids"][0], crate::digest(&expected.archive));
        }
    }
}
