//! Firestore documents in the format of its REST API, so that uninterpreted values are
//! written back exactly as they were read.

mod field_path;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::field_path::FieldPath;

/// The fields of a document or of a map in it.
pub type Fields = BTreeMap<String, Value>;

/// A field value. It is serialized under Google's type names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Null, which differs from a missing field.
    #[serde(rename = "nullValue")]
    Null(()),
    #[serde(rename = "booleanValue")]
    Boolean(bool),
    /// A signed 64-bit integer. Serialized as text, since JSON numbers hold 53 bits.
    #[serde(rename = "integerValue", with = "whole")]
    Integer(i64),
    /// A floating-point number, including the three that JSON cannot express.
    #[serde(rename = "doubleValue", with = "real")]
    Double(f64),
    /// RFC 3339 in UTC, to the microsecond.
    #[serde(rename = "timestampValue")]
    Timestamp(String),
    #[serde(rename = "stringValue")]
    Text(String),
    /// Base64.
    #[serde(rename = "bytesValue")]
    Bytes(String),
    /// The full name of a document.
    #[serde(rename = "referenceValue")]
    Reference(String),
    /// Geographic coordinates.
    #[serde(rename = "geoPointValue")]
    Place(Place),
    #[serde(rename = "arrayValue")]
    List(List),
    #[serde(rename = "mapValue")]
    Map(Map),
}

/// Geographic coordinates, in degrees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// Positive north of the equator.
    pub latitude: f64,
    pub longitude: f64,
}

/// The values of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct List {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// The fields of a map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: Fields,
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A count. It is capped at the largest integer that a database can hold.
    pub fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The text of a string, a timestamp or a reference.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Timestamp(text) | Self::Reference(text) => Some(text),
            Self::Null(())
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Double(_)
            | Self::Bytes(_)
            | Self::Place(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// The number, if it is a non-negative integer.
    pub fn as_count(&self) -> Option<u64> {
        let Self::Integer(number) = self else { return None };
        u64::try_from(*number).ok()
    }

    /// Approximate size in a request, in bytes. Text that needs escaping takes more.
    pub fn weight(&self) -> usize {
        const FIELDS_NAMED: usize = 20;
        FIELDS_NAMED
            + match self {
                Self::Null(()) | Self::Boolean(_) => 5,
                Self::Integer(_) | Self::Double(_) => 22,
                Self::Place(_) => 60,
                Self::Timestamp(text)
                | Self::Text(text)
                | Self::Bytes(text)
                | Self::Reference(text) => text.len() + 2,
                Self::List(list) => list.values.iter().map(Self::weight).sum(),
                Self::Map(map) => weight(&map.fields),
            }
    }

    /// The type of the value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null(()) => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a double",
            Self::Timestamp(_) => "a timestamp",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Reference(_) => "a reference",
            Self::Place(_) => "a geo point",
            Self::List(_) => "an array",
            Self::Map(_) => "a map",
        }
    }
}

/// Approximate size of fields in a request, in bytes.
pub fn weight(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + 4 + value.weight()).sum()
}

/// A document as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The path after `…/documents/`: `users/u1`.
    pub path: String,
    pub fields: Fields,
    /// Time of the last change by the server's clock, exactly as the server wrote it, for use as a precondition.
    pub updated: String,
}

impl Document {
    /// The value of a text field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_text)
    }

    /// An integer field that counts something; none if it is missing or negative.
    pub fn count(&self, field: &str) -> Option<u64> {
        self.fields.get(field).and_then(Value::as_count)
    }
}

mod whole {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
    pub(super) fn serialize<S: Serializer>(number: &i64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(number)
    }

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i64),
        Text(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        match Written::deserialize(d)? {
            Written::Number(number) => Ok(number),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

mod real {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
    pub(super) fn serialize<S: Serializer>(number: &f64, s: S) -> Result<S::Ok, S::Error> {
        match number {
            n if n.is_nan() => s.serialize_str("NaN"),
            n if n.is_infinite() && n.is_sign_positive() => s.serialize_str("Infinity"),
            n if n.is_infinite() => s.serialize_str("-Infinity"),
            n => s.serialize_f64(*n),
        }
    }

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        match Written::deserialize(d)? {
            Written::Number(number) => Ok(number),
            Written::Text(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                other => Err(serde::de::Error::custom(format!("{other:?} is no number"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let written = serde_json::json!({
            "null": {"nullValue": null}, "bool": {"booleanValue": true},
            "int": {"integerValue": "-9223372036854775808"}, "dbl": {"doubleValue": 0.1},
            "odd": {"doubleValue": 1.000_000_000_000_000_2}, "inf": {"doubleValue": "-Infinity"},
            "ts": {"timestampValue": "2026-01-02T03:04:05.123456Z"}, "str": {"stringValue": "é😀"},
            "bytes": {"bytesValue": "AP8="}, "ref": {"referenceValue": "projects/p/x"},
            "geo": {"geoPointValue": {"latitude": 1.5, "longitude": -2.0}},
            "arr": {"arrayValue": {"values": [{"integerValue": "1"}]}}, "emptyArr": {"arrayValue": {}},
            "map": {"mapValue": {"fields": {"k": {"integerValue": "2"}}}}, "emptyMap": {"mapValue": {}},
        });
        let fields: Fields = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(fields).unwrap(), written);
        let nan: Value = serde_json::from_str(r#"{"doubleValue":"NaN"}"#).unwrap();
        assert_eq!(serde_json::to_string(&nan).unwrap(), r#"{"doubleValue":"NaN"}"#);
        for bad in [
            r#"{"integerValue":"abc"}"#,
            r#"{"integerValue":"1","stringValue":"x"}"#,
            r#"{"x":1}"#,
            r#"{"doubleValue":"many"}"#,
        ] {
            assert!(serde_json::from_str::<Value>(bad).is_err(), "{bad}");
        }
    }
}
