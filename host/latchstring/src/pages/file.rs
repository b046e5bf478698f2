//! Pages from a file in TOML.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::Pages;
use crate::error::{Code, Error};

/// Largest file that is read, in bytes. Pages are far smaller.
const LONGEST: u64 = 256 * 1024;

/// Reads pages from a file. Texts that the file leaves out are in English.
///
/// # Errors
///
/// Returns `invalid-configuration` if the file has an unknown key or a template that cannot
/// be used.
pub fn read(path: impl AsRef<Path>) -> Result<Pages, Error> {
    let path = path.as_ref();
    let folder = path.parent().unwrap_or(Path::new(""));
    content(path).and_then(|text| parse(&text, folder)).map_err(|reason| {
        trouble(format!("the pages in {} cannot be shown: {reason}", path.display()))
    })
}

/// Reads pages from text, such as one that a program embeds. `folder` is the folder of the
/// template that it may name.
///
/// # Errors
///
/// Fails like [`read`].
///
/// ```
/// # fn main() -> Result<(), latchstring::Error> {
/// let text = r#"
///     lang = "fr"
///     [success]
///     title = "Vous êtes connecté"
///     text = "Vous pouvez fermer cette fenêtre."
/// "#;
/// let page = latchstring::pages::from_toml(text, "")?.success();
/// assert!(page.html.contains(">Vous êtes connecté</h1>"));
/// # Ok(())
/// # }
/// ```
pub fn from_toml(text: &str, folder: impl AsRef<Path>) -> Result<Pages, Error> {
    parse(text, folder.as_ref())
        .map_err(|reason| trouble(format!("the pages cannot be shown: {reason}")))
}

fn parse(text: &str, folder: &Path) -> Result<Pages, String> {
    Pages::from_toml(text, |template| content(&folder.join(template)))
}

fn content(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn trouble(message: String) -> Error {
    Error::new(Code::InvalidConfiguration, message, "correct the file, or leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_file_is_named_with_its_line() {
        for (text, words) in [
            ("lang = \"de\"\ncolour = \"red\"", ["line 2", "colour"]),
            ("[sucess]\ntitle = \"a\"", ["line 1", "sucess"]),
            ("[success]\n\ntitel = \"a\"", ["line 3", "titel"]),
            ("[terms]\nwho = \"a\"", ["line 2", "who"]),
            ("[success]\ntitle = \" \"", ["line 2", "empty"]),
            ("[success]\ntitle = 7", ["line 2", "integer"]),
            ("lang = \"de_DE\"", ["line 1", "de_DE"]),
            ("[redirect]\nsuccess = \"http://example.com/\"", ["line 2", "expected an https"]),
            ("[redirect]\nstray = \"https://example.com/\"", ["line 2", "stray"]),
            ("[success", ["line 1", "expected"]),
            ("template = \"nowhere.html\"", ["nowhere.html", "template"]),
        ] {
            let error = from_toml(text, "").expect_err(text);
            assert_eq!(error.code(), Code::InvalidConfiguration);
            for word in words {
                assert!(error.message().contains(word), "{word} in {error}");
            }
        }
    }

    #[test]
    fn a_template_is_next_to_its_file_and_not_too_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let file = write("pages.toml", "template = \"page.html\"");
        let template = "<title>{{title}}</title><style>b{}</style>{{text}}{{warning}}{{details}}";
        write("page.html", template);
        let page = read(&file).expect("good pages").success();
        assert!(page.html.starts_with("<title>You are logged in</title><style>b{}</style>You can"));
        assert_ne!(page.policy, Pages::default().success().policy);

        for (text, reason) in
            [(&*" ".repeat(1 << 18), "{{title}}"), (&" ".repeat(1 + (1 << 18)), "longer")]
        {
            write("page.html", text);
            let error = read(&file).expect_err("a bad template");
            for word in ["pages.toml", "page.html", reason] {
                assert!(error.message().contains(word), "{word} in {error}");
            }
        }
    }
}
