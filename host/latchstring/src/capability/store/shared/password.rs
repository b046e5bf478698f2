//! Where the password of a shared store is found if the address has none.

use std::path::Path;
#[cfg(feature = "postgres")]
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::super::failure::cannot;
#[cfg(feature = "postgres")]
use super::super::guard;
use crate::error::Error;
use crate::secret_variables::STORE_PASSWORD;

/// File with the password.
const PASSWORD_FILE: &str = "LATCH_STORE_PASSWORD_FILE";

/// Returns the password in `LATCH_STORE_PASSWORD`, or in the file that
/// `LATCH_STORE_PASSWORD_FILE` names.
pub(super) fn of_store() -> Result<Option<Zeroizing<String>>, Error> {
    if let Some(password) = variable(STORE_PASSWORD) {
        return Ok(Some(password));
    }
    let Some(path) = variable(PASSWORD_FILE) else { return Ok(None) };
    let path = Path::new(path.as_str());
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let mut text = text.map_err(|error| cannot("read", path, &error))?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(Some(text))
}

/// Returns the password of a PostgreSQL server: that of any shared store, or else the one
/// that `psql` would use, from `PGPASSWORD` or the
/// [password file](https://www.postgresql.org/docs/current/libpq-pgpass.html).
#[cfg(feature = "postgres")]
pub(super) fn of_postgres(
    config: &tokio_postgres::Config,
) -> Result<Option<Zeroizing<String>>, Error> {
    if let Some(password) = of_store()? {
        return Ok(Some(password));
    }
    if let Some(password) = variable("PGPASSWORD") {
        return Ok(Some(password));
    }
    let named = variable("PGPASSFILE").map(|path| PathBuf::from(path.as_str()));
    let home = || directories::BaseDirs::new().map(|folders| folders.home_dir().join(".pgpass"));
    let Some(path) = named.or_else(home).filter(|path| path.is_file()) else { return Ok(None) };
    let failed = |error| cannot("read", &path, &error);
    let metadata = path.metadata().map_err(failed)?;
    guard::check_private(&metadata, &path, "600", "use a password file that belongs to you")?;
    let text = std::fs::read_to_string(&path).map(Zeroizing::new).map_err(failed)?;
    Ok(in_password_file(&text, config))
}

/// Returns the password of the first line that fits: `host:port:database:user:password`.
#[cfg(feature = "postgres")]
fn in_password_file(text: &str, config: &tokio_postgres::Config) -> Option<Zeroizing<String>> {
    use tokio_postgres::config::Host;

    let host = match config.get_hosts().first()? {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [line_host, line_port, line_database, line_user, password] = fields.as_slice() else {
            return None;
        };
        let fits = [
            (line_host, host.as_str()),
            (line_port, &port),
            (line_database, database),
            (line_user, user),
        ]
        .iter()
        .all(|(pattern, value)| *pattern == "*" || pattern == value);
        fits.then(|| Zeroizing::new(password.clone()))
    })
}

/// Splits a line at its colons. A backslash takes the next character as it is.
#[cfg(feature = "postgres")]
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut().into_iter().for_each(|field| field.extend(chars.next())),
            c => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
}

fn variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_password_file_that_fits_has_the_password() {
        let file = "# host:port:database:user:password\n\
                    other:5432:latch:ada:one\n\
                    db.example:*:latch:ada:t\\:w\\\\o\n\
                    *:*:*:*:three\n";
        for (url, password) in [
            ("postgres://ada@db.example/latch", "t:w\\o"),
            ("postgres://ada@other/latch", "one"),
            ("postgres://ada@other:5433/latch", "three"),
        ] {
            let config = url.parse().expect("a URL");
            let found = in_password_file(file, &config).expect("a password");
            assert_eq!(found.as_str(), password, "{url}");
        }
    }
}
