//! Finds one profile in the text of `config.toml` without parsing the others. A file may
//! have a thousand profiles, and most commands need one.

/// Returns the tables of the profile `name`, which are a document by themselves. Empty if
/// the text has no such profile.
///
/// Returns `None` for a text that only a parser can divide: one that has other tables than
/// `[profile.NAME]` and `[profile.NAME.KEY]` in plain letters, keys before the first table,
/// strings of several lines, or a table twice.
pub(super) fn excerpt(text: &str, name: &str) -> Option<String> {
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut excerpt = String::new();
    let mut owner = None;
    let mut has_begun = false;
    for line in text.split_inclusive('\n') {
        let words = line.trim();
        if words.starts_with('[') {
            let (profile, is_whole) = header(words)?;
            if profile == name && is_whole && std::mem::replace(&mut has_begun, true) {
                return None;
            }
            owner = Some(profile);
        } else if owner.is_none() && !words.is_empty() && !words.starts_with('#') {
            return None;
        }
        if owner == Some(name) {
            excerpt.push_str(line);
        }
    }
    Some(excerpt)
}

/// Returns the profile that a table belongs to, and whether it is the profile's own table.
/// `None` if the line is anything but a plain header: it may be a part of an array.
fn header(line: &str) -> Option<(&str, bool)> {
    let (path, rest) = line.strip_prefix("[profile.")?.split_once(']')?;
    let is_alone = rest.is_empty() || rest.trim_start().starts_with('#');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let (profile, key) = path.split_once('.').unwrap_or((path, ""));
    let is_header = is_alone && !profile.is_empty() && path.bytes().all(is_plain);
    is_header.then_some((profile, key.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\n\n[profile.work]\nissuer = \"https://a\"\nscopes = [\n  \"b\",\n]\n\
                        [profile.home] # too\nissuer = 'c'\n  [profile.work.parameters]\r\nx = \"[y]\"\n";

    #[test]
    fn a_profile_is_found_with_its_tables() {
        let work = "[profile.work]\nissuer = \"https://a\"\nscopes = [\n  \"b\",\n]\n  \
                    [profile.work.parameters]\r\nx = \"[y]\"\n";
        assert_eq!(excerpt(TEXT, "work").as_deref(), Some(work));
        assert_eq!(excerpt(TEXT, "home").as_deref(), Some("[profile.home] # too\nissuer = 'c'\n"));
        assert_eq!(excerpt(TEXT, "wor").as_deref(), Some(""));
        assert_eq!(excerpt("", "work").as_deref(), Some(""));
    }

    #[test]
    fn what_only_a_parser_can_divide_is_left_to_it() {
        for text in [
            "[profile]\nwork = {}\n",
            "profile.work.issuer = 'a'\n",
            "[profile.\"work\"]\n",
            "[ profile.work ]\n",
            "[profile.work] mine\n",
            "[[profile.work]]\n",
            "[profiles.work]\n",
            "[profile.]\n",
            "[profile.home]\npages = '''\n[profile.work]\n'''\n",
            "[profile.home]\nscopes = [\n[\"a\"],\n]\n",
            "[profile.work]\n[profile.work]\n",
        ] {
            assert_eq!(excerpt(text, "work"), None, "{text}");
        }
    }
}
