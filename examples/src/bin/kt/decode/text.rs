//! JSON as indented lines for people.

use serde_json::Value;
use std::fmt::Write;

/// The fields of an object, or the items of an array, each in a line of its own.
pub(super) fn lines(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 1);
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                entry(text, &format!("{name}:"), value, depth);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| entry(text, "-", item, depth)),
        plain => entry(text, "", plain, depth),
    }
}

fn entry(text: &mut String, label: &str, value: &Value, depth: usize) {
    // Writing to a string does not fail.
    let indent = "  ".repeat(depth);
    let _ = match value {
        Value::Object(fields) if fields.is_empty() => writeln!(text, "{indent}{label} {{}}"),
        Value::Array(items) if items.is_empty() => writeln!(text, "{indent}{label} []"),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            writeln!(text, "{indent}{label} [{}]", items.join(", "))
        }
        Value::Object(_) | Value::Array(_) => {
            let _ = writeln!(text, "{indent}{label}");
            block(text, value, depth + 1);
            Ok(())
        }
        Value::String(plain) if is_plain(plain) => writeln!(text, "{indent}{label} {plain}"),
        other => writeln!(text, "{indent}{label} {other}"),
    };
}

/// Whether it needs no quotes to be told from other things.
fn is_plain(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"'[]{},".contains(c);
    !text.is_empty() && !text.contains(odd) && text.parse::<f64>().is_err() && text != "null"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_has_its_line() {
        let value = json!({
            "topics": [{"name": "tea", "partitions": [0, 1]}, {"name": "a b", "partitions": []}],
            "rack": null, "id": "17", "empty": {},
        });
        let expected = "  empty: {}
  id: \"17\"
  rack: null
  topics:
    -
      name: tea
      partitions: [0, 1]
    -
      name: \"a b\"
      partitions: []
";
        let mut actual: Vec<&str> = Vec::new();
        let text = lines(&value);
        actual.extend(text.lines());
        let mut expected: Vec<&str> = expected.lines().collect();
        // Whether fields keep their order is up to the features of the JSON library.
        actual.sort_unstable();
        expected.sort_unstable();
        assert_eq!(actual, expected);
    }
}
