//! The effect of an operation on one document. Pure, so that the dry run and the real run use the same function.

use super::operation::{Operation, ValueType};
use crate::document::{Document, FieldPath, Fields, Value};

/// The effect on a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The document stays unchanged.
    Nothing,
    /// Some of its fields change.
    Update(Update),
    Delete,
}

/// The fields that change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// The new value; None removes the field.
    pub set: Vec<(FieldPath, Option<Value>)>,
    /// Increments that the server applies.
    pub increments: Vec<(FieldPath, i64)>,
    /// Whether the written values depend on the values read. If so, the document must not have changed in between.
    pub depends: bool,
}

impl Update {
    /// Applies the update to fields in memory.
    pub fn apply(&self, fields: &mut Fields) {
        for (path, value) in &self.set {
            match value {
                Some(value) => path.put(fields, value.clone()),
                None => drop(path.take(fields)),
            }
        }
        for (path, by) in &self.increments {
            let sum = match path.get(fields) {
                Some(Value::Integer(number)) => number.saturating_add(*by),
                _ => *by,
            };
            path.put(fields, Value::Integer(sum));
        }
    }

    fn reading(set: Vec<(FieldPath, Option<Value>)>) -> Change {
        Change::Update(Self { set, depends: true, ..Self::default() })
    }
}

/// The change that an operation makes to a document, or why it cannot be applied.
pub fn change(operation: &Operation, document: &Document) -> Result<Change, String> {
    let fields = &document.fields;
    if operation.scope().is_some_and(|scope| !scope.filter.iter().all(|c| c.holds(fields))) {
        return Ok(Change::Nothing);
    }
    Ok(match operation {
        Operation::SetMissing { fields: wanted, .. } => {
            let missing = wanted.iter().filter(|(path, _)| path.get(fields).is_none());
            let set: Vec<_> = missing.map(|(p, v)| (p.clone(), Some(v.clone()))).collect();
            if set.is_empty() { Change::Nothing } else { Update::reading(set) }
        }
        Operation::Set { fields: wanted, .. } => {
            let set = wanted.iter().map(|(path, value)| (path.clone(), Some(value.clone())));
            Change::Update(Update { set: set.collect(), ..Update::default() })
        }
        Operation::Rename { from, to, .. } => match from.get(fields) {
            None => Change::Nothing,
            Some(_) if to.get(fields).is_some() => {
                return Err(format!("it has {from} and {to} both"));
            }
            Some(value) => {
                Update::reading(vec![(to.clone(), Some(value.clone())), (from.clone(), None)])
            }
        },
        Operation::Copy { from, to, .. } => match from.get(fields) {
            None => Change::Nothing,
            Some(value) => Update::reading(vec![(to.clone(), Some(value.clone()))]),
        },
        Operation::Remove { fields: unwanted, .. } => {
            let there = unwanted.iter().filter(|path| path.get(fields).is_some());
            let set: Vec<_> = there.map(|path| (path.clone(), None)).collect();
            let update = Update { set, ..Update::default() };
            if update.set.is_empty() { Change::Nothing } else { Change::Update(update) }
        }
        Operation::Template { field, template, .. } => {
            Update::reading(vec![(field.clone(), Some(Value::Text(template.fill(fields)?)))])
        }
        Operation::Convert { field, to, .. } => match field.get(fields) {
            None => Change::Nothing,
            Some(value) => match convert(value, *to) {
                Some(converted) if &converted == value => Change::Nothing,
                Some(converted) => Update::reading(vec![(field.clone(), Some(converted))]),
                None => {
                    return Err(format!("{field} is {}, which is not {to}", shown(value)));
                }
            },
        },
        Operation::Increment { field, by, .. } => {
            if let Some(value @ (Value::Text(_) | Value::Map(_) | Value::List(_))) =
                field.get(fields)
            {
                return Err(format!("{field} is {}, not a number", value.kind()));
            }
            let increments = vec![(field.clone(), *by)];
            Change::Update(Update { increments, ..Update::default() })
        }
        Operation::DeleteCollection { .. } => Change::Delete,
        // These change no document of a collection.
        Operation::Create { .. }
        | Operation::Delete { .. }
        | Operation::CreateIndex { .. }
        | Operation::DeleteIndex { .. }
        | Operation::Expire { .. }
        | Operation::EndExpiry { .. }
        | Operation::Run { .. } => Change::Nothing,
    })
}

fn shown(value: &Value) -> String {
    let Value::Text(text) = value else { return value.kind().to_owned() };
    format!("the text {text:?}")
}

/// Converts a value to another type. None if that would lose information.
fn convert(value: &Value, to: ValueType) -> Option<Value> {
    use ValueType as T;
    Some(match (value, to) {
        (Value::Null(()), _) => Value::Null(()),
        (Value::Text(text), T::Integer) => Value::Integer(text.trim().parse().ok()?),
        (Value::Text(text), T::Double) => {
            let number: f64 = text.trim().parse().ok()?;
            Value::Double(number)
        }
        (Value::Text(text), T::Boolean) => match text.trim() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => return None,
        },
        (Value::Text(text), T::Timestamp) => {
            let moment: jiff::Timestamp = text.trim().parse().ok()?;
            Value::Timestamp(moment.to_string())
        }
        (Value::Integer(number), T::Text) => Value::Text(number.to_string()),
        #[expect(clippy::cast_precision_loss, reason = "what would lose something is refused")]
        (Value::Integer(number), T::Double) => {
            let double = *number as f64;
            // Compared as `i128`: a cast to `i64` would saturate to the original number.
            if double as i128 != i128::from(*number) {
                return None;
            }
            Value::Double(double)
        }
        (Value::Double(number), T::Integer) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::Integer(*number as i64)
        }
        (Value::Double(number), T::Text) => Value::Text(number.to_string()),
        (Value::Boolean(truth), T::Text) => Value::Text(truth.to_string()),
        (Value::Timestamp(moment), T::Text) => Value::Text(moment.clone()),
        (Value::Text(_), T::Text)
        | (Value::Integer(_), T::Integer)
        | (Value::Double(_), T::Double)
        | (Value::Boolean(_), T::Boolean)
        | (Value::Timestamp(_), T::Timestamp) => value.clone(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Scope;

    fn document(fields: &serde_json::Value) -> Document {
        let fields: Fields = serde_json::from_value(fields.clone()).unwrap();
        Document { path: "users/u1".into(), fields, updated: String::new() }
    }

    fn scope() -> Scope {
        Scope { collection: "users".into(), group: false, filter: Vec::new() }
    }

    #[test]
    fn template_fills_fields_and_names_a_missing_one() {
        let template = "{first} {{x}} {last}".to_owned().try_into().unwrap();
        let operation =
            Operation::Template { scope: scope(), field: FieldPath::field("name"), template };
        let whole = document(&serde_json::json!({
            "first": {"stringValue": "Ana"}, "last": {"stringValue": "Gil"},
        }));
        let Change::Update(update) = change(&operation, &whole).unwrap() else { panic!() };
        assert_eq!(update.set[0].1, Some(Value::text("Ana {x} Gil")));
        let half = document(&serde_json::json!({"first": {"stringValue": "Ana"}}));
        assert_eq!(change(&operation, &half), Err("it has no last".to_owned()));
    }

    #[test]
    fn lossy_conversion_is_refused() {
        let table = [
            (Value::text(" 12 "), ValueType::Integer, Some(Value::Integer(12))),
            (Value::text("many"), ValueType::Integer, None),
            (Value::Double(1.5), ValueType::Integer, None),
            (Value::Double(3.0), ValueType::Integer, Some(Value::Integer(3))),
            (Value::Integer(i64::MAX), ValueType::Double, None),
            (Value::Null(()), ValueType::Integer, Some(Value::Null(()))),
            (Value::text("yes"), ValueType::Boolean, None),
        ];
        for (value, to, expected) in table {
            assert_eq!(convert(&value, to), expected, "{value:?} to {to}");
        }
    }

    #[test]
    fn rename_never_overwrites() {
        let (from, to) = (FieldPath::field("a"), FieldPath::field("b"));
        let operation = Operation::Rename { scope: scope(), from, to };
        let both =
            document(&serde_json::json!({"a": {"integerValue": "1"}, "b": {"integerValue": "2"}}));
        assert_eq!(change(&operation, &both), Err("it has a and b both".to_owned()));
    }
}
