//! Arguments of tool calls that the tool wants repeated in headers, for whoever routes
//! requests without reading them
//! ([MCP 2026-07-28](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters)).

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::message::header_value;

const ANNOTATION: &str = "x-mcp-header";

/// Which arguments of the server's tools are repeated, by the name of the tool.
#[derive(Default)]
pub(super) struct Tools(HashMap<String, Vec<Repeated>>);

/// An argument, and the header that repeats it.
struct Repeated {
    /// Names of the properties that lead to it.
    path: Vec<String>,
    header: String,
}

#[derive(Deserialize)]
struct Listed {
    result: Listing,
}

#[derive(Deserialize)]
struct Listing {
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    name: String,
    #[serde(default)]
    input_schema: Value,
}

#[derive(Deserialize)]
struct Called {
    params: Call,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Value,
}

impl Tools {
    /// Notes the tools in the answer to `tools/list`.
    pub(super) fn learn(&mut self, answer: &[u8]) {
        let Ok(Listed { result }) = serde_json::from_slice(answer) else { return };
        for Tool { name, input_schema } in result.tools {
            let mut repeated = Vec::new();
            collect(&input_schema, &mut Vec::new(), &mut repeated);
            self.0.remove(&name);
            // One that contradicts itself is for the server to judge.
            if !repeated.is_empty() && is_unambiguous(&repeated) {
                self.0.insert(name, repeated);
            }
        }
    }

    /// Returns the names and values of the headers for the request `tools/call` in this line.
    pub(super) fn headers(&self, line: &[u8]) -> Vec<(String, String)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let Ok(Called { params }) = serde_json::from_slice(line) else { return Vec::new() };
        let repeated = self.0.get(&params.name).into_iter().flatten();
        let header = |one: &Repeated| {
            let path = one.path.iter();
            let argument = path.fold(&params.arguments, |value, name| &value[name.as_str()]);
            Some((format!("mcp-param-{}", one.header), header_value(&text(argument)?)))
        };
        repeated.filter_map(header).collect()
    }
}

/// Finds the annotated properties of a schema. Only what `properties` alone lead to counts.
fn collect(schema: &Value, path: &mut Vec<String>, repeated: &mut Vec<Repeated>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(header) = property[ANNOTATION].as_str() {
            repeated.push(Repeated { path: path.clone(), header: header.to_owned() });
        }
        collect(property, path, repeated);
        path.pop();
    }
}

/// Whether every header has a name of its own that a header can have.
fn is_unambiguous(repeated: &[Repeated]) -> bool {
    repeated.iter().enumerate().all(|(position, one)| {
        let is_token = |name: &str| {
            let is_part =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !name.is_empty() && name.bytes().all(is_part)
        };
        let earlier = &repeated[..position];
        is_token(&one.header)
            && !earlier.iter().any(|other| other.header.eq_ignore_ascii_case(&one.header))
    })
}

/// Returns the argument in the form in which a header has it. Returns `None` for what is
/// left out, and for what no header repeats.
fn text(argument: &Value) -> Option<String> {
    match argument {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(argument.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(schema: &Value, arguments: &Value) -> Vec<(String, String)> {
        let tool = json!({ "name": "query", "inputSchema": schema });
        let mut tools = Tools::default();
        tools.learn(json!({ "result": { "tools": [tool] } }).to_string().as_bytes());
        let call = json!({ "params": { "name": "query", "arguments": arguments } });
        tools.headers(call.to_string().as_bytes())
    }

    fn annotated(properties: &Value) -> Value {
        json!({ "type": "object", "properties": properties })
    }

    #[test]
    fn annotated_arguments_are_repeated_in_headers() {
        let schema = annotated(&json!({
            "region": { "type": "string", "x-mcp-header": "Region" },
            "limit": { "type": "integer", "x-mcp-header": "Limit" },
            "dry": { "type": "boolean", "x-mcp-header": "Dry" },
            "query": { "type": "string" },
            "where": annotated(&json!({ "city": { "x-mcp-header": "City" } })),
            "list": { "items": annotated(&json!({ "a": { "x-mcp-header": "A" } })) },
        }));
        let arguments = json!({
            "region": "eu", "limit": 10, "dry": false, "query": "x",
            "where": { "city": "Köln" }, "list": [{ "a": 1 }],
        });
        let mut found = headers(&schema, &arguments);
        found.sort();
        let expected = [
            ("mcp-param-City", "=?base64?S8O2bG4=?="),
            ("mcp-param-Dry", "false"),
            ("mcp-param-Limit", "10"),
            ("mcp-param-Region", "eu"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(headers(&schema, &json!({ "region": null, "query": "x" })).is_empty());
    }

    #[test]
    fn a_schema_that_contradicts_itself_adds_no_header() {
        for header in [json!(""), json!("a b"), json!("a\r\nb"), json!(7)] {
            let schema = annotated(&json!({ "a": { "x-mcp-header": header } }));
            assert!(headers(&schema, &json!({ "a": "x" })).is_empty(), "{header}");
        }
        let twice =
            annotated(&json!({ "a": { "x-mcp-header": "Same" }, "b": { "x-mcp-header": "same" } }));
        assert!(headers(&twice, &json!({ "a": "x", "b": "y" })).is_empty());
    }

    #[test]
    fn a_later_list_replaces_what_an_earlier_one_said() {
        let mut tools = Tools::default();
        let schema = annotated(&json!({ "a": { "x-mcp-header": "A" } }));
        for (schema, expected) in [(schema, 1), (annotated(&json!({ "a": {} })), 0)] {
            let tool = json!({ "name": "t", "inputSchema": schema });
            tools.learn(json!({ "result": { "tools": [tool] } }).to_string().as_bytes());
            let call = br#"{"params":{"name":"t","arguments":{"a":"x"}}}"#;
            assert_eq!(tools.headers(call).len(), expected);
        }
    }
}
