//! Converts values of the contract to JSON and back, using the component's own type
//! information, so that no type is declared twice.
//!
//! Records are objects. Options are the value or null. A case without payload is its name,
//! with payload an object with one member; a result is like a variant of the cases `ok` and
//! `error`. Bytes are `{ "text": ... }` if they are UTF-8,
//! otherwise `{ "base64": ... }`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use wasmtime::component::{Type, Val};

/// The greatest integer that every JSON reader keeps exactly.
const GREATEST_INTEGER: u64 = (1 << 53) - 1;

/// How names are spelt in JSON.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    /// As in the contract: `now-ms`, and bytes as text or base64.
    Contract,
    /// As serde derives it from the generated types: `now_ms`, `NowMs`, and bytes as an
    /// array of numbers.
    Derived,
}

impl Spelling {
    fn member(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Contract => Cow::Borrowed(name),
            Self::Derived => Cow::Owned(name.replace('-', "_")),
        }
    }

    fn case(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Contract => Cow::Borrowed(name),
            Self::Derived => Cow::Owned(name.split('-').map(capitalized).collect()),
        }
    }

    /// Returns the names of a result's cases.
    fn result(self) -> [&'static str; 2] {
        match self {
            Self::Contract => RESULT,
            Self::Derived => ["Ok", "Err"],
        }
    }
}

const RESULT: [&str; 2] = ["ok", "error"];

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// A type mismatch: the JSON path, and the type expected there.
pub(super) struct Misfit {
    path: String,
    expected: String,
}

impl Misfit {
    fn new(expected: impl Into<String>) -> Self {
        Self { path: String::new(), expected: expected.into() }
    }

    pub(super) fn within(mut self, name: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{name}.{}", self.path),
        };
        self
    }

    /// Returns the mismatch as one phrase.
    pub(super) fn in_words(&self) -> String {
        format!("expected {} at {}", self.expected, self.path)
    }
}

/// Converts JSON to a value of this type.
pub(super) fn decode(ty: &Type, json: &Value, spelling: Spelling) -> Result<Val, Misfit> {
    match (ty, json) {
        (Type::Bool, Value::Bool(value)) => Ok(Val::Bool(*value)),
        (Type::String, Value::String(text)) => Ok(Val::String(text.clone())),
        (Type::U8 | Type::U16 | Type::U32 | Type::U64, Value::Number(number)) => {
            integer(ty, number.as_u64())
        }
        (Type::List(list), json) if matches!(list.ty(), Type::U8) => {
            let bytes = match spelling {
                Spelling::Contract => bytes(json),
                Spelling::Derived => numbers(json),
            };
            bytes
                .map(|bytes| Val::List(bytes.into_iter().map(Val::U8).collect()))
                .ok_or_else(|| Misfit::new("bytes as text or base64"))
        }
        (Type::List(list), Value::Array(items)) => {
            let item = list.ty();
            let decoded = items.iter().enumerate().map(|(position, json)| {
                decode(&item, json, spelling).map_err(|misfit| misfit.within(&position.to_string()))
            });
            decoded.collect::<Result<_, _>>().map(Val::List)
        }
        (Type::Option(_), Value::Null) => Ok(Val::Option(None)),
        (Type::Option(option), json) => {
            decode(&option.ty(), json, spelling).map(|value| Val::Option(Some(Box::new(value))))
        }
        (Type::Enum(names), Value::String(text)) => names
            .names()
            .find(|name| spelling.case(name) == *text)
            .map(|name| Val::Enum(name.to_owned()))
            .ok_or_else(|| Misfit::new("another name")),
        (Type::Record(record), Value::Object(members)) => {
            if record.fields().len() != members.len() {
                let names: Vec<&str> = record.fields().map(|field| field.name).collect();
                return Err(Misfit::new(format!("the members {}", names.join(", "))));
            }
            let decoded = record.fields().map(|field| {
                let name = spelling.member(field.name);
                let json = members
                    .get(name.as_ref())
                    .ok_or_else(|| Misfit::new("a value").within(field.name))?;
                let value = decode(&field.ty, json, spelling);
                let value = value.map_err(|misfit| misfit.within(field.name))?;
                Ok((field.name.to_owned(), value))
            });
            decoded.collect::<Result<_, _>>().map(Val::Record)
        }
        (Type::Variant(variant), json) => {
            let (name, payload) = case_of(json).ok_or_else(|| Misfit::new("one case"))?;
            let mut cases = variant.cases();
            let case = cases.find(|case| spelling.case(case.name) == name);
            let case = case.ok_or_else(|| Misfit::new("another case"))?;
            let payload = decode_payload(case.name, case.ty.as_ref(), payload, spelling)?;
            Ok(Val::Variant(case.name.to_owned(), payload))
        }
        (Type::Result(result), json) => {
            let (name, payload) = case_of(json).ok_or_else(|| Misfit::new("one case"))?;
            let [ok, error] = spelling.result();
            let decode = |ty: Option<Type>| decode_payload(name, ty.as_ref(), payload, spelling);
            match name {
                name if name == ok => decode(result.ok()).map(|value| Val::Result(Ok(value))),
                name if name == error => decode(result.err()).map(|value| Val::Result(Err(value))),
                _ => Err(Misfit::new(format!("{ok} or {error}"))),
            }
        }
        _ => Err(Misfit::new("a value of another kind")),
    }
}

fn decode_payload(
    case: &str,
    ty: Option<&Type>,
    payload: Option<&Value>,
    spelling: Spelling,
) -> Result<Option<Box<Val>>, Misfit> {
    let payload = match (ty, payload) {
        (None, None) => return Ok(None),
        (Some(ty), Some(json)) => decode(ty, json, spelling),
        (None, Some(_)) => Err(Misfit::new("no payload")),
        (Some(_), None) => Err(Misfit::new("a payload")),
    };
    payload.map(|value| Some(Box::new(value))).map_err(|misfit| misfit.within(case))
}

fn integer(ty: &Type, number: Option<u64>) -> Result<Val, Misfit> {
    let number = number.filter(|number| *number <= GREATEST_INTEGER);
    let value = number.and_then(|number| match ty {
        Type::U8 => u8::try_from(number).ok().map(Val::U8),
        Type::U16 => u16::try_from(number).ok().map(Val::U16),
        Type::U32 => u32::try_from(number).ok().map(Val::U32),
        _ => Some(Val::U64(number)),
    });
    value.ok_or_else(|| Misfit::new("a smaller whole number"))
}

/// Returns the name of a case, and its payload if it has one.
fn case_of(json: &Value) -> Option<(&str, Option<&Value>)> {
    match json {
        Value::String(name) => Some((name, None)),
        Value::Object(members) if members.len() == 1 => {
            members.iter().next().map(|(name, payload)| (name.as_str(), Some(payload)))
        }
        _ => None,
    }
}

fn bytes(json: &Value) -> Option<Vec<u8>> {
    match case_of(json)? {
        ("text", Some(Value::String(text))) => Some(text.clone().into_bytes()),
        ("base64", Some(Value::String(text))) => STANDARD.decode(text).ok(),
        _ => None,
    }
}

fn numbers(json: &Value) -> Option<Vec<u8>> {
    let byte = |number: &Value| u8::try_from(number.as_u64()?).ok();
    json.as_array()?.iter().map(byte).collect()
}

/// JSON whose members keep the order of their declaration.
pub(super) enum Ordered {
    Leaf(Value),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Ordered {
    pub(super) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Returns the value as JSON without a fixed order.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(members) => {
                members.into_iter().map(|(name, value)| (name, value.into_value())).collect()
            }
        }
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(n, v)| (n, v))),
        }
    }
}

/// Converts a value of this type to JSON.
pub(super) fn encode(ty: &Type, value: &Val) -> Result<Ordered, Misfit> {
    Ok(match (ty, value) {
        (_, Val::Bool(value)) => Ordered::Leaf(Value::from(*value)),
        (_, Val::U8(number)) => Ordered::Leaf(Value::from(*number)),
        (_, Val::U16(number)) => Ordered::Leaf(Value::from(*number)),
        (_, Val::U32(number)) => Ordered::Leaf(Value::from(*number)),
        (_, Val::U64(number)) if *number <= GREATEST_INTEGER => Ordered::Leaf(Value::from(*number)),
        (_, Val::U64(_)) => return Err(Misfit::new("a smaller whole number")),
        (_, Val::String(text) | Val::Enum(text)) => Ordered::Leaf(Value::from(text.as_str())),
        (_, Val::Option(None)) => Ordered::Leaf(Value::Null),
        (Type::Option(option), Val::Option(Some(value))) => encode(&option.ty(), value)?,
        (Type::List(list), Val::List(items)) if matches!(list.ty(), Type::U8) => in_text(items),
        (Type::List(list), Val::List(items)) => {
            let encoded = items.iter().enumerate().map(|(position, item)| {
                encode(&list.ty(), item).map_err(|misfit| misfit.within(&position.to_string()))
            });
            Ordered::List(encoded.collect::<Result<_, _>>()?)
        }
        (Type::Record(record), Val::Record(members)) => {
            let encoded = record.fields().zip(members).map(|(field, (name, value))| {
                let value = encode(&field.ty, value).map_err(|misfit| misfit.within(name))?;
                Ok((name.clone(), value))
            });
            Ordered::Object(encoded.collect::<Result<_, _>>()?)
        }
        (Type::Variant(variant), Val::Variant(name, payload)) => {
            let case = variant.cases().find(|case| case.name == name);
            encode_case(name, case.and_then(|case| case.ty), payload.as_deref())?
        }
        (Type::Result(result), Val::Result(value)) => {
            let [ok, error] = RESULT;
            match value {
                Ok(payload) => encode_case(ok, result.ok(), payload.as_deref())?,
                Err(payload) => encode_case(error, result.err(), payload.as_deref())?,
            }
        }
        _ => return Err(Misfit::new("a value that a transcript can hold")),
    })
}

fn encode_case(name: &str, ty: Option<Type>, payload: Option<&Val>) -> Result<Ordered, Misfit> {
    let Some(payload) = payload else { return Ok(Ordered::Leaf(name.into())) };
    let ty = ty.ok_or_else(|| Misfit::new("another case"))?;
    let payload = encode(&ty, payload).map_err(|misfit| misfit.within(name))?;
    Ok(Ordered::object([(name, payload)]))
}

fn in_text(items: &[Val]) -> Ordered {
    let byte = |item: &Val| if let Val::U8(byte) = item { Some(*byte) } else { None };
    let bytes: Vec<u8> = items.iter().filter_map(byte).collect();
    match String::from_utf8(bytes) {
        Ok(text) => Ordered::object([("text", Ordered::Leaf(text.into()))]),
        Err(error) => {
            let text = STANDARD.encode(error.as_bytes());
            Ordered::object([("base64", Ordered::Leaf(text.into()))])
        }
    }
}
