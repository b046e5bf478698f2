//! What the bridge reads of JSON-RPC messages, and the errors that it answers with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use latchstring::{Error, code_name, printable};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// The JSON-RPC errors for lines that are not messages
/// ([JSON-RPC 2.0 §5.1](https://www.jsonrpc.org/specification#error_object)).
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;

/// The error code for every failure between the client and the server. MCP leaves -32000 to
/// -32019 to implementations.
const TRANSPORT_ERROR: i32 = -32000;

/// Longest message that is passed on, in bytes.
pub(super) const MESSAGE_BYTES: usize = 64 << 20;

/// A message from the client, or several of them in a batch.
pub(super) struct Message {
    /// The line, without its end.
    pub(super) line: Bytes,
    /// IDs of the requests in it.
    pub(super) requests: Vec<Value>,
    pub(super) kind: Kind,
    /// What a request of a revision without sessions says about itself.
    pub(super) metadata: Option<Metadata>,
}

/// A message that the transport treats in a special way.
#[derive(PartialEq)]
pub(super) enum Kind {
    /// The request that begins a session.
    Initialize,
    /// The notification that the client has begun a session.
    Initialized,
    /// The notification that the answer to this request is no longer needed.
    Cancelled(Value),
    /// The request for a stream that ends with the connection.
    Subscribe,
    Other,
}

/// What a request repeats in its headers
/// ([MCP 2026-07-28](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#request-metadata)).
pub(super) struct Metadata {
    pub(super) protocol_version: String,
    pub(super) method: String,
    /// Name or URI of what the request is for, encoded for a header.
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "P: DeserializeOwned")]
struct Head<P> {
    id: Option<Value>,
    method: Option<String>,
    params: Option<P>,
    error: Option<IgnoredAny>,
}

impl<P> Head<P> {
    fn is_message(&self) -> bool {
        self.id.is_some() || self.method.is_some() || self.error.is_some()
    }
}

#[derive(Default, Deserialize)]
struct Parameters {
    name: Option<String>,
    uri: Option<String>,
    #[serde(rename = "requestId")]
    request_id: Option<Value>,
    #[serde(rename = "_meta")]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<String>,
}

impl Message {
    /// Reads a line from the client. The error is the line to answer with.
    pub(super) fn read(line: Bytes) -> Result<Self, Bytes> {
        if std::str::from_utf8(&line).is_err() {
            return Err(error_line(&Value::Null, PARSE_ERROR, "the line is not UTF-8", None));
        }
        if line.first() == Some(&b'[') {
            let heads: Vec<Head<IgnoredAny>> = parse(&line)?;
            let requests = heads.into_iter().filter(|head| head.method.is_some());
            let requests = requests.filter_map(|head| head.id).collect();
            return Ok(Self { line, requests, kind: Kind::Other, metadata: None });
        }
        let head = match serde_json::from_slice::<Head<Parameters>>(&line) {
            Ok(head) => head,
            // Parameters of other types are for the server to judge.
            Err(_) => {
                let Head { id, method, error, .. } = parse::<Head<IgnoredAny>>(&line)?;
                Head { id, method, params: None, error }
            }
        };
        if !head.is_message() {
            let reason = "the line is not a JSON-RPC message";
            return Err(error_line(&Value::Null, INVALID_REQUEST, reason, None));
        }
        let Head { id, method, params, .. } = head;
        let params = params.unwrap_or_default();
        let kind = match (method.as_deref(), params.request_id) {
            (Some("initialize"), _) => Kind::Initialize,
            (Some("notifications/initialized"), _) => Kind::Initialized,
            (Some("notifications/cancelled"), Some(id)) => Kind::Cancelled(id),
            (Some("subscriptions/listen"), _) => Kind::Subscribe,
            _ => Kind::Other,
        };
        let version = params.meta.and_then(|meta| meta.protocol_version);
        let metadata = version.zip(method.clone()).map(|(protocol_version, method)| {
            let name = match method.as_str() {
                "tools/call" | "prompts/get" => params.name,
                "resources/read" => params.uri,
                _ => None,
            };
            Metadata { protocol_version, method, name: name.as_deref().map(header_value) }
        });
        let requests = id.filter(|_| method.is_some()).into_iter().collect();
        Ok(Self { line, requests, kind, metadata })
    }

    /// Whether it asks which tools there are, in a revision whose calls have headers.
    pub(super) fn lists_tools(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.method == "tools/list")
    }

    pub(super) fn begins_session(&self) -> bool {
        self.kind == Kind::Initialize
    }
}

/// A message from the server, or several of them in a batch.
pub(super) struct Answer {
    /// The message in one line, with its end.
    pub(super) line: Bytes,
    /// IDs of the requests that it answers.
    pub(super) answered: Vec<Value>,
}

impl Answer {
    /// Reads a message. Returns `None` if it is none.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        std::str::from_utf8(text).ok()?;
        let text = text.trim_ascii();
        let heads: Vec<Head<IgnoredAny>> = match text.first()? {
            b'[' => serde_json::from_slice(text).ok()?,
            b'{' => vec![serde_json::from_slice(text).ok()?],
            _ => return None,
        };
        if !heads.iter().all(Head::is_message) {
            return None;
        }
        let answers = heads.into_iter().filter(|head| head.method.is_none());
        let answered = answers.filter_map(|head| head.id).collect();
        // In JSON, a line break is either escaped or white space between tokens.
        let mut line: Vec<u8> = text
            .iter()
            .map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte })
            .collect();
        line.push(b'\n');
        Some(Self { line: line.into(), answered })
    }

    /// Returns the revision in the result of an initialize request.
    pub(super) fn protocol_version(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Response {
            result: Negotiated,
        }
        #[derive(Deserialize)]
        struct Negotiated {
            #[serde(rename = "protocolVersion")]
            protocol_version: String,
        }
        let response: Response = serde_json::from_slice(&self.line).ok()?;
        Some(response.result.protocol_version)
    }

    /// Returns the text of the error, if the message is one.
    pub(super) fn error_text(&self) -> Option<String> {
        let response: Value = serde_json::from_slice(&self.line).ok()?;
        Some(response["error"]["message"].as_str()?.to_owned())
    }
}

/// Why there is no answer from the server.
pub(super) struct Fault {
    code: &'static str,
    message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: printable(&message.into()) }
    }

    /// The connection ended too early.
    pub(super) fn cut() -> Self {
        Self::new(
            "unreachable",
            "the connection to the server ended before its answer was complete",
        )
    }

    /// The server sent something that cannot be read.
    pub(super) fn unusable() -> Self {
        let message =
            format!("the server's answer is not text, or has more than {MESSAGE_BYTES} bytes");
        Self::new("invalid-response", message)
    }

    /// Returns the answer to the request with this ID.
    pub(super) fn answer_to(&self, id: &Value) -> Bytes {
        error_line(id, TRANSPORT_ERROR, &self.message, Some(self.code))
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(code_name(error.code()), format!("{}; {}", error.message(), error.remedy()))
    }
}

/// Returns the answer to a line that is too long.
pub(super) fn too_long() -> Bytes {
    let reason = format!("the line has more than {MESSAGE_BYTES} bytes");
    error_line(&Value::Null, PARSE_ERROR, &reason, None)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, Bytes> {
    serde_json::from_slice(line).map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => INVALID_REQUEST,
            _ => PARSE_ERROR,
        };
        let reason = format!("the line is not a JSON-RPC message: {error}");
        error_line(&Value::Null, code, &reason, None)
    })
}

fn error_line(id: &Value, code: i32, message: &str, name: Option<&str>) -> Bytes {
    let mut error = json!({ "code": code, "message": message });
    if let Some(name) = name {
        error["data"] = json!({ "code": name });
    }
    let mut line = json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string();
    line.push('\n');
    line.into()
}

/// Encodes what a header cannot contain.
pub(super) fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    match is_plain {
        true => text.to_owned(),
        false => format!("=?base64?{}?=", STANDARD.encode(text)),
    }
}
