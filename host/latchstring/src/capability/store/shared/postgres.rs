//! Sessions in PostgreSQL 13 or newer: one row each.
//!
//! The lock is an advisory lock of a transaction, on a connection of its own: it ends with
//! the connection, so that a client that dies releases it. Rows are read and saved on
//! another connection, each in a transaction of its own, so that what was answered is
//! durable.
//!
//! A client that is cut off in the middle of a refresh is still going to get a refresh
//! token, although its lock is free. It announces the refresh in the row before it begins:
//! the next holder waits until the new session is saved, or until the announcement expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tokio_postgres::config::{ChannelBinding, Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{StoreAddress, parameters};
use super::engine::{Engine, EngineLock, LEASE, Saved, Trouble, TroubleKind};
use super::password;
use crate::capability::http::tls_config;
use crate::error::{Code, Error};

/// Version of the table that this program reads and writes.
const SCHEMA: i64 = 1;

/// Creates what sessions are kept in.
pub(super) const CREATE: &str = "\
CREATE SEQUENCE IF NOT EXISTS latchstring_number;
CREATE TABLE IF NOT EXISTS latchstring (
  name text PRIMARY KEY,
  version bigint NOT NULL,
  holder bigint NOT NULL,
  refreshing_until timestamptz,
  sealed bytea
);
INSERT INTO latchstring (name, version, holder) VALUES ('schema', 1, 0)
  ON CONFLICT (name) DO NOTHING;
";

const CHECK: &str = "SELECT version FROM latchstring WHERE name = 'schema'";
const READ: &str = "SELECT sealed FROM latchstring WHERE name = $1";
const LIST: &str = "SELECT sealed FROM latchstring WHERE name <> 'schema' AND sealed IS NOT NULL";
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
/// Returns no row as long as the refresh of another client is announced.
const HOLD: &str = "\
INSERT INTO latchstring AS row (name, version, holder)
  VALUES ($1, 0, nextval('latchstring_number'))
  ON CONFLICT (name) DO UPDATE
    SET holder = nextval('latchstring_number'), refreshing_until = NULL
    WHERE row.refreshing_until IS NULL OR row.refreshing_until < clock_timestamp()
  RETURNING holder, version";
const ANNOUNCE: &str = "\
UPDATE latchstring SET refreshing_until = clock_timestamp() + $3 * interval '1 second'
  WHERE name = $1 AND holder = $2";
const WITHDRAW: &str =
    "UPDATE latchstring SET refreshing_until = NULL WHERE name = $1 AND holder = $2";
const SAVE: &str = "\
UPDATE latchstring
  SET sealed = $4, version = nextval('latchstring_number'), refreshing_until = NULL
  WHERE name = $1 AND holder = $2 AND version = $3
  RETURNING version";
/// Finds what an earlier attempt has saved whose answer was lost.
const SAVED: &str = "\
SELECT version FROM latchstring
  WHERE name = $1 AND holder = $2 AND sealed IS NOT DISTINCT FROM $3";

/// Time between looks at a refresh that another client has announced.
const LOOK: Duration = Duration::from_millis(50);

/// Time that the server's answer may take.
const ANSWER: Duration = Duration::from_millis(100);

/// Makes the server notice within about ten seconds that a client's machine is gone, and
/// keeps limits that are meant for other programs from ending the lock.
const LOCK_SETTINGS: &str = "\
BEGIN;
SET LOCAL tcp_keepalives_idle = 4;
SET LOCAL tcp_keepalives_interval = 2;
SET LOCAL tcp_keepalives_count = 3;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
";

/// A value in a statement, and its type.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A database.
pub(super) struct Postgres {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// The connection that rows are read and saved on.
    connection: Mutex<Option<Arc<Client>>>,
}

impl Postgres {
    /// Prepares connections. None is made yet.
    pub(super) fn new(address: &StoreAddress) -> Result<Self, Error> {
        let (url, tls) = Tls::taken_from(address)?;
        let mut config: Config = url.parse().map_err(|_| invalid("it has an unknown parameter"))?;
        // A server without TLS is refused, and so is one with a certificate that is not
        // trusted: there is nothing between these two.
        config.ssl_mode(if tls.is_on(&config) { SslMode::Require } else { SslMode::Disable });
        config.application_name("latch");
        config.keepalives_idle(Duration::from_secs(4));
        config.keepalives_interval(Duration::from_secs(2));
        config.keepalives_retries(3);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_user().is_none()
            && let Ok(user) = std::env::var("PGUSER")
        {
            config.user(user);
        }
        if config.get_password().is_none()
            && let Some(password) = password::of_postgres(&config)?
        {
            config.password(password.as_str());
        }
        let tls = match tls.is_on(&config) {
            true => Some(MakeRustlsConnect::new(tls_config(tls.roots.as_deref())?)),
            false => None,
        };
        if tls.is_none() {
            config.channel_binding(ChannelBinding::Disable);
        }
        Ok(Self { config, tls, connection: Mutex::default() })
    }

    /// Creates the table.
    pub(super) async fn create(&self) -> Result<(), Trouble> {
        self.connect().await?.batch_execute(CREATE).await.map_err(trouble)
    }

    async fn connect(&self) -> Result<Client, Trouble> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) =
                    self.config.connect(tls.clone()).await.map_err(trouble)?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(trouble)?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    /// Returns the connection for rows. Checks the version of the table when it is made.
    async fn checked(&self) -> Result<Arc<Client>, Trouble> {
        let mut kept = self.connection.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect().await?);
        let row = client.query_typed_opt(CHECK, &[]).await.map_err(trouble)?;
        match row.map(|row| row.get::<_, i64>(0)) {
            Some(SCHEMA) => {}
            Some(newer) => {
                return Err(Trouble::new(
                    TroubleKind::Newer,
                    format!(
                        "its table has version {newer}, and this program knows version {SCHEMA}"
                    ),
                ));
            }
            None => {
                return Err(Trouble::new(TroubleKind::Missing, "its table has no version"));
            }
        }
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }
}

#[async_trait]
impl Engine for Arc<Postgres> {
    async fn check(&self) -> Result<(), Trouble> {
        self.checked().await.map(drop)
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let row = self.checked().await?.query_typed_opt(READ, &[(&name, Type::TEXT)]).await;
        Ok(row.map_err(trouble)?.and_then(|row| row.get(0)))
    }

    async fn list(&self) -> Result<Vec<Vec<u8>>, Trouble> {
        let rows = self.checked().await?.query_typed(LIST, &[]).await.map_err(trouble)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn lock(
        &self,
        name: &str,
        _token: &str,
        deadline: Instant,
    ) -> Result<Arc<dyn EngineLock>, Trouble> {
        let rows = self.checked().await?;
        let client = self.connect().await?;
        // The server answers before the deadline, so that the reason is known.
        let left = deadline.saturating_duration_since(Instant::now() + ANSWER);
        let left = left.as_millis().max(1);
        let settings = format!("{LOCK_SETTINGS}SET LOCAL lock_timeout = {left}");
        client.batch_execute(&settings).await.map_err(trouble)?;
        let number = lock_number(name);
        client.query_typed(LOCK, &[(&number, Type::INT8)]).await.map_err(trouble)?;
        loop {
            let row = rows.query_typed_opt(HOLD, &[(&name, Type::TEXT)]).await.map_err(trouble)?;
            if let Some(row) = row {
                return Ok(Arc::new(PostgresLock {
                    engine: Arc::clone(self),
                    name: name.to_owned(),
                    client,
                    holder: row.get(0),
                    version: AtomicI64::new(row.get(1)),
                    is_announced: AtomicBool::new(false),
                }));
            }
            if Instant::now() + LOOK >= deadline {
                let reason = "another client that was cut off may still be refreshing the token";
                return Err(Trouble::new(TroubleKind::Locked, reason));
            }
            sleep(LOOK).await;
        }
    }

    async fn reset(&self) {
        self.connection.lock().await.take();
    }
}

/// The advisory lock of a name, which ends with its connection.
struct PostgresLock {
    engine: Arc<Postgres>,
    name: String,
    client: Client,
    /// Number of this holder.
    holder: i64,
    version: AtomicI64,
    is_announced: AtomicBool,
}

#[async_trait]
impl EngineLock for PostgresLock {
    fn is_held(&self) -> bool {
        !self.client.is_closed()
    }

    fn version(&self) -> i64 {
        self.version.load(Ordering::Relaxed)
    }

    async fn announce(&self) -> Result<(), Trouble> {
        let seconds = LEASE.as_secs_f64();
        let client = self.engine.checked().await?;
        let parameters: [Parameter; 3] =
            [(&self.name, Type::TEXT), (&self.holder, Type::INT8), (&seconds, Type::FLOAT8)];
        match client.execute_typed(ANNOUNCE, &parameters).await.map_err(trouble)? {
            1 => {
                self.is_announced.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(Trouble::new(TroubleKind::Locked, "another client has taken over the lock")),
        }
    }

    async fn extend(&self) -> Result<(), Trouble> {
        match self.is_announced.load(Ordering::Relaxed) {
            true => self.announce().await,
            false => Ok(()),
        }
    }

    async fn save(&self, bytes: Option<&[u8]>) -> Result<Saved, Trouble> {
        let client = self.engine.checked().await?;
        let version = self.version();
        let save: [Parameter; 4] = [
            (&self.name, Type::TEXT),
            (&self.holder, Type::INT8),
            (&version, Type::INT8),
            (&bytes, Type::BYTEA),
        ];
        let saved: [Parameter; 3] =
            [(&self.name, Type::TEXT), (&self.holder, Type::INT8), (&bytes, Type::BYTEA)];
        let saved = match client.query_typed_opt(SAVE, &save).await.map_err(trouble)? {
            Some(row) => Some(row),
            None => client.query_typed_opt(SAVED, &saved).await.map_err(trouble)?,
        };
        let Some(row) = saved else { return Ok(Saved::Superseded) };
        self.version.store(row.get(0), Ordering::Relaxed);
        self.is_announced.store(false, Ordering::Relaxed);
        Ok(Saved::Saved)
    }

    async fn release(&self) -> Result<(), Trouble> {
        if self.is_announced.load(Ordering::Relaxed) {
            let client = self.engine.checked().await?;
            let parameters: [Parameter; 2] = [(&self.name, Type::TEXT), (&self.holder, Type::INT8)];
            client.execute_typed(WITHDRAW, &parameters).await.map_err(trouble)?;
        }
        self.client.batch_execute("COMMIT").await.map_err(trouble)
    }
}

/// Returns the number of a name's advisory lock.
fn lock_number(name: &str) -> i64 {
    let hash = Sha256::digest(format!("latchstring lock {name}"));
    // OK because a hash is longer than eight bytes.
    i64::from_be_bytes(hash[..8].try_into().expect("eight bytes"))
}

/// What a URL says about TLS.
struct Tls {
    mode: Option<bool>,
    /// File with the certificates of authorities to trust besides the system's.
    roots: Option<std::path::PathBuf>,
}

impl Tls {
    /// Returns the URL without its parameters for TLS, and what they say: the client library
    /// knows fewer of them than libpq.
    fn taken_from(address: &StoreAddress) -> Result<(String, Self), Error> {
        let parts = address.parts();
        let mut tls = Self { mode: None, roots: None };
        let mut kept = Vec::new();
        for (name, value) in parameters(parts.parameters) {
            match (name, value) {
                ("sslmode", "disable") => tls.mode = Some(false),
                ("sslmode", "require" | "verify-ca" | "verify-full") => tls.mode = Some(true),
                ("sslmode", _) => {
                    return Err(invalid("its sslmode is none of disable, require and verify-full"));
                }
                ("sslrootcert", path) => {
                    let path = percent_encoding::percent_decode_str(path).decode_utf8();
                    let path = path.map_err(|_| invalid("its sslrootcert is not UTF-8"))?;
                    tls.roots = Some(path.as_ref().into());
                }
                (name, value) => kept.push(format!("{name}={value}")),
            }
        }
        let url = address.expose();
        let url = url.split_once('?').map_or(url, |(url, _)| url);
        let url = match kept.is_empty() {
            true => url.to_owned(),
            false => format!("{url}?{}", kept.join("&")),
        };
        Ok((url, tls))
    }

    /// Whether to use TLS: unless the URL says something else, everywhere but on this
    /// machine.
    fn is_on(&self, config: &Config) -> bool {
        let is_here = |host: &Host| match host {
            Host::Tcp(name) => {
                name == "localhost"
                    || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        };
        self.mode.unwrap_or_else(|| !config.get_hosts().iter().all(is_here))
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the address of the shared store cannot be used: {reason}"),
        "correct the URL; docs/storage.md describes it",
    )
}

fn trouble(error: tokio_postgres::Error) -> Trouble {
    let code = error.code().cloned();
    let kind = match &code {
        None if error.is_closed() || is_connection_lost(&error) => TroubleKind::Transient,
        None => TroubleKind::Refused,
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => TroubleKind::Locked,
        Some(code) if *code == SqlState::UNDEFINED_TABLE => TroubleKind::Missing,
        Some(code) if TRANSIENT.contains(code) || code.code().starts_with("08") => {
            TroubleKind::Transient
        }
        Some(_) => TroubleKind::Refused,
    };
    let reason = match (kind, error.as_db_error()) {
        (TroubleKind::Missing, _) => "its table does not exist".to_owned(),
        (TroubleKind::Locked, _) => "another client holds the lock".to_owned(),
        (_, Some(error)) => error.message().to_owned(),
        (_, None) => innermost(&error),
    };
    Trouble { reason, kind }
}

/// What a server says while it starts, stops, fails over, or has no room.
const TRANSIENT: [SqlState; 6] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::TOO_MANY_CONNECTIONS,
    SqlState::READ_ONLY_SQL_TRANSACTION,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
];

/// Whether a connection failed or ended, and not because the server is the wrong one.
fn is_connection_lost(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            return !is_tls;
        }
        source = error.source();
    }
    let text = error.to_string();
    text.contains("timed out") || text.contains("unexpected EOF")
}

/// Returns the message of the error that caused all others.
fn innermost(error: &tokio_postgres::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
