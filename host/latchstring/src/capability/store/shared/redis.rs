//! Sessions in Redis 6 or newer, or Valkey: one hash each.
//!
//! The lock is a key with a random value and a time limit, which is extended while the lock
//! is held. A client that is cut off keeps it until the limit. Each holder has a number, the
//! fencing token: a save succeeds only for the last holder, and only on the version that was
//! there when the lock was taken. One script checks both and saves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo as _, RedisError, Script, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::address::{StoreAddress, parameters};
use super::engine::{Engine, EngineLock, LEASE, Saved, Trouble, TroubleKind};
use super::password;
use crate::error::{Code, Error};

/// Version of the keys and hashes that this program reads and writes.
const SCHEMA: i64 = 1;
/// Set by a newer version of this program.
const SCHEMA_KEY: &str = "latchstring:schema";
/// Names of all sessions, some of which may be gone.
const NAMES_KEY: &str = "latchstring:names";

/// Takes the lock if it is free, or taken by an earlier attempt. Returns the number of the holder and the version.
const LOCK: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1]
  and not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local holder = redis.call('HINCRBY', KEYS[2], 'holder', 1)
return {holder, tonumber(redis.call('HGET', KEYS[2], 'version') or '0')}";
/// Extends the lock. Returns 0 if it belongs to another client.
const EXTEND: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
/// Saves for the last holder, on the version that it knows. Returns the new version, or 0 if
/// the holder was superseded. What an earlier attempt has saved, whose answer was lost,
/// counts as saved.
const SAVE: &str = "\
local row = redis.call('HMGET', KEYS[1], 'holder', 'version', 'sealed')
if row[1] ~= ARGV[1] then return 0 end
if (row[2] or '0') ~= ARGV[2] then
  if (row[3] or '') == ARGV[3] then return tonumber(row[2]) end
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], 'sealed')
else
  redis.call('HSET', KEYS[1], 'sealed', ARGV[3])
end
return redis.call('HINCRBY', KEYS[1], 'version', 1)";
/// Releases the lock if it is still this client's.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Time between attempts to take a lock that another client holds.
const LOOK: Duration = Duration::from_millis(40);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the time limit of an attempt, which comes first.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, a group of servers that Sentinel watches, or a cluster.
pub(super) struct Redis {
    servers: Servers,
    connection: Mutex<Option<Connection>>,
}

enum Servers {
    One(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Prepares connections. None is made yet.
    pub(super) fn new(address: &StoreAddress) -> Result<Self, Error> {
        let parts = address.parts();
        let mut roots = None;
        let mut master = None;
        let mut is_cluster = false;
        for (name, value) in parameters(parts.parameters) {
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| invalid("a parameter is not UTF-8"))?.into_owned();
            match name {
                "sentinel" => master = Some(value),
                "cluster" => is_cluster = value == "true",
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                _ => {
                    return Err(invalid("its parameters are sentinel, cluster and sslrootcert"));
                }
            }
        }
        let is_tls = parts.scheme == "rediss://";
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: roots.as_deref().map(read).transpose()?,
        };
        let password = match parts.login {
            Some((_, Some(_))) => None,
            _ => password::of_store()?,
        };
        let nodes: Vec<ConnectionInfo> = parts
            .hosts
            .split(',')
            .map(|host| {
                let login = parts.login.map(|(user, password)| match password {
                    Some(password) => format!("{user}:{password}@"),
                    None => format!("{user}@"),
                });
                let url =
                    format!("{}{}{host}{}", parts.scheme, login.unwrap_or_default(), parts.path);
                let node = url.into_connection_info().ok()?;
                Some(match &password {
                    Some(password) => {
                        let settings = node.redis_settings().clone();
                        node.set_redis_settings(settings.set_password(password.as_str()))
                    }
                    None => node,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("it names no database of Redis"))?;
        let unusable = |_: RedisError| invalid("its parts do not fit together");
        let servers = if let Some(master) = master {
            let mut node = SentinelNodeConnectionInfo::default()
                .set_redis_connection_info(nodes[0].redis_settings().clone());
            if is_tls {
                node = node.set_tls_mode(TlsMode::Secure);
            }
            let client =
                SentinelClient::build(nodes, master, Some(node), SentinelServerType::Master);
            Servers::Sentinel(Box::new(Mutex::new(client.map_err(unusable)?)))
        } else if is_cluster {
            let builder = ClusterClient::builder(nodes)
                .connection_timeout(CONNECTION_TIMEOUT)
                .response_timeout(RESPONSE_TIMEOUT);
            let builder = if is_tls { builder.certs(certificates) } else { builder };
            Servers::Cluster(Box::new(builder.build().map_err(unusable)?))
        } else {
            let [node] = <[_; 1]>::try_from(nodes)
                .map_err(|_| invalid("several hosts need cluster=true or sentinel=NAME"))?;
            let client = match is_tls {
                true => Client::build_with_tls(node, certificates),
                false => Client::open(node),
            };
            Servers::One(Box::new(client.map_err(unusable)?))
        };
        Ok(Self { servers, connection: Mutex::default() })
    }

    async fn connect(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        match &self.servers {
            Servers::One(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Connection::One),
            Servers::Sentinel(client) => {
                let mut client = client.lock().await;
                client.get_async_connection_with_config(&config).await.map(Connection::One)
            }
            Servers::Cluster(client) => {
                client.get_async_connection().await.map(Connection::Cluster)
            }
        }
    }

    /// Returns the connection. Checks the version of what is stored when it is made.
    async fn connection(&self) -> Result<Connection, Trouble> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref() {
            return Ok(connection.clone());
        }
        let mut connection = self.connect().await.map_err(trouble)?;
        let version: Option<i64> = redis::cmd("GET")
            .arg(SCHEMA_KEY)
            .query_async(&mut connection)
            .await
            .map_err(trouble)?;
        if let Some(newer) = version.filter(|version| *version > SCHEMA) {
            return Err(Trouble::new(
                TroubleKind::Newer,
                format!(
                    "what it keeps has version {newer}, and this program knows version {SCHEMA}"
                ),
            ));
        }
        *kept = Some(connection.clone());
        Ok(connection)
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &str,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<T, Trouble> {
        let mut connection = self.connection().await?;
        let script = Script::new(script);
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        for argument in arguments {
            call.arg(*argument);
        }
        call.invoke_async(&mut connection).await.map_err(trouble)
    }
}

#[async_trait]
impl Engine for Arc<Redis> {
    async fn check(&self) -> Result<(), Trouble> {
        self.connection().await.map(drop)
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let mut connection = self.connection().await?;
        let sealed = redis::cmd("HGET").arg(row_key(name)).arg("sealed").to_owned();
        sealed.query_async(&mut connection).await.map_err(trouble)
    }

    async fn list(&self) -> Result<Vec<Vec<u8>>, Trouble> {
        let mut connection = self.connection().await?;
        let names: Vec<String> = redis::cmd("SMEMBERS")
            .arg(NAMES_KEY)
            .query_async(&mut connection)
            .await
            .map_err(trouble)?;
        let mut rows = Vec::new();
        for name in names {
            rows.extend(self.read(&name).await?);
        }
        Ok(rows)
    }

    async fn lock(
        &self,
        name: &str,
        token: &str,
        deadline: Instant,
    ) -> Result<Arc<dyn EngineLock>, Trouble> {
        let keys = [lock_key(name), row_key(name)];
        let limit = LEASE.as_millis().to_string();
        loop {
            let begun = Instant::now();
            let locked: Option<(i64, i64)> =
                self.run(LOCK, &keys, &[token.as_bytes(), limit.as_bytes()]).await?;
            if let Some((holder, version)) = locked {
                return Ok(Arc::new(RedisLock {
                    engine: Arc::clone(self),
                    name: name.to_owned(),
                    token: token.to_owned(),
                    holder,
                    version: AtomicI64::new(version),
                    held_until: std::sync::Mutex::new(begun + LEASE),
                    is_lost: AtomicBool::new(false),
                }));
            }
            if Instant::now() + LOOK >= deadline {
                return Err(Trouble::new(TroubleKind::Locked, "another client holds the lock"));
            }
            sleep(LOOK).await;
        }
    }

    async fn reset(&self) {
        self.connection.lock().await.take();
    }
}

/// The lock of a name, until its time limit.
struct RedisLock {
    engine: Arc<Redis>,
    name: String,
    /// Value of the lock's key, which only this holder knows.
    token: String,
    /// Number of this holder.
    holder: i64,
    version: AtomicI64,
    held_until: std::sync::Mutex<Instant>,
    is_lost: AtomicBool,
}

#[async_trait]
impl EngineLock for RedisLock {
    fn is_held(&self) -> bool {
        let held_until = self.held_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        !self.is_lost.load(Ordering::Relaxed) && Instant::now() < *held_until
    }

    fn version(&self) -> i64 {
        self.version.load(Ordering::Relaxed)
    }

    async fn announce(&self) -> Result<(), Trouble> {
        self.extend().await
    }

    async fn extend(&self) -> Result<(), Trouble> {
        let begun = Instant::now();
        let limit = LEASE.as_millis().to_string();
        let arguments = [self.token.as_bytes(), limit.as_bytes()];
        match self.engine.run::<i64>(EXTEND, &[lock_key(&self.name)], &arguments).await? {
            0 => {
                self.is_lost.store(true, Ordering::Relaxed);
                Err(Trouble::new(TroubleKind::Locked, "another client has taken over the lock"))
            }
            _ => {
                let mut held_until =
                    self.held_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *held_until = begun + LEASE;
                Ok(())
            }
        }
    }

    async fn save(&self, bytes: Option<&[u8]>) -> Result<Saved, Trouble> {
        if bytes.is_some() {
            // Before the session, so that no session is without its name.
            let mut connection = self.engine.connection().await?;
            let named = redis::cmd("SADD").arg(NAMES_KEY).arg(&self.name).to_owned();
            let _: Value = named.query_async(&mut connection).await.map_err(trouble)?;
        }
        let holder = self.holder.to_string();
        let version = self.version().to_string();
        let arguments = [holder.as_bytes(), version.as_bytes(), bytes.unwrap_or_default()];
        match self.engine.run::<i64>(SAVE, &[row_key(&self.name)], &arguments).await? {
            0 => Ok(Saved::Superseded),
            version => {
                self.version.store(version, Ordering::Relaxed);
                Ok(Saved::Saved)
            }
        }
    }

    async fn release(&self) -> Result<(), Trouble> {
        let (keys, arguments) = ([lock_key(&self.name)], [self.token.as_bytes()]);
        self.engine.run::<i64>(RELEASE, &keys, &arguments).await.map(drop)
    }
}

/// Returns the key of a lock. The braces put it in the same slot of a cluster as the row.
fn lock_key(name: &str) -> String {
    format!("latchstring:{{{name}}}:lock")
}

fn row_key(name: &str) -> String {
    format!("latchstring:{{{name}}}")
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(
        &'a mut self,
        command: &'a redis::Cmd,
    ) -> redis::RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> redis::RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the CA file {} cannot be read: {error}", path.display()),
            "check sslrootcert in the URL",
        )
    })
}

fn invalid(reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the address of the shared store cannot be used: {reason}"),
        "correct the URL; docs/storage.md describes it",
    )
}

fn trouble(error: RedisError) -> Trouble {
    let is_transient = error.is_io_error()
        || error.is_timeout()
        || error.is_cluster_error()
        || matches!(
            error.kind(),
            // What Sentinel says of a primary that it has not replaced yet.
            ErrorKind::ClusterConnectionNotFound | ErrorKind::MasterNameNotFoundBySentinel
        )
        || error.code().is_some_and(|code| TRANSIENT.contains(&code));
    let kind = if is_transient { TroubleKind::Transient } else { TroubleKind::Refused };
    Trouble::new(kind, error.to_string())
}

/// What a server says while it starts or fails over.
const TRANSIENT: [&str; 5] = ["LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "BUSY"];
