//! Reading pages of somebody's own.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::template::Template;
use super::texts::Texts;
use super::{Pages, Set};
use crate::error::{Code, Error};

/// Far more than pages need.
const LONGEST: u64 = 256 * 1024;

impl Pages {
    /// Pages as a file says; what it leaves out is English.
    ///
    /// Fails with `invalid-configuration` where it names a key that does not
    /// exist, or anything that cannot work.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let folder = path.parent().unwrap_or(Path::new(""));
        content(path).and_then(|text| parse(&text, folder)).map_err(|reason| {
            trouble(format!("the pages in {} cannot be shown: {reason}", path.display()))
        })
    }

    /// The same from text, such as one that a program embeds. A template that it
    /// names is looked for in `folder`.
    ///
    /// ```
    /// # fn main() -> Result<(), latchstring::Error> {
    /// use latchstring::pages::Pages;
    ///
    /// let text = r#"
    ///     lang = "fr"
    ///     [success]
    ///     title = "Vous êtes connecté"
    ///     text = "Vous pouvez fermer cette fenêtre."
    /// "#;
    /// let page = Pages::from_toml(text, "")?.success();
    /// assert!(page.html.contains(">Vous êtes connecté</h1>"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_toml(text: &str, folder: impl AsRef<Path>) -> Result<Self, Error> {
        parse(text, folder.as_ref())
            .map_err(|reason| trouble(format!("the pages cannot be shown: {reason}")))
    }
}

fn parse(text: &str, folder: &Path) -> Result<Pages, String> {
    let texts: Texts = toml_edit::de::from_str(text).map_err(|error| {
        let line = error.span().map(|span| format!("line {}: ", line_of(text, span.start)));
        format!("{}{}", line.unwrap_or_default(), error.message())
    })?;
    let template = texts.template.as_ref().map(|path| {
        let path = folder.join(path);
        content(&path)
            .and_then(|html| Template::parse(&html))
            .map_err(|reason| format!("the template {}: {reason}", path.display()))
    });
    Ok(Pages(Arc::new(Set { template: template.transpose()?, texts })))
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

fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}

fn trouble(message: String) -> Error {
    Error::new(Code::InvalidConfiguration, message, "correct the file, or leave it out")
}
