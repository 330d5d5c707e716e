//! The filters of Cloud Logging and Cloud Monitoring, as far as Pointsman writes them: comparisons joined by AND, with
//! alternatives of one label in parentheses.

use super::error::ApiError;

/// The comparisons of a filter, in order: key, operator, value.
pub(super) fn comparisons(filter: &str) -> Result<Vec<(String, String, String)>, ApiError> {
    let wrong = |what: &str| ApiError::invalid("filter", format!("Unparseable filter: {what}"));
    let (mut found, mut rest) = (Vec::new(), filter.trim());
    while !rest.is_empty() {
        let words = ["AND ", "OR ", "(", ")"];
        if let Some(after) = words.iter().find_map(|word| rest.strip_prefix(word)) {
            rest = after.trim_start();
            continue;
        }
        let end = rest.find(['=', '>', '<']).ok_or_else(|| wrong(rest))?;
        let (key, after) = rest.split_at(end);
        let operator = ["=", ">=", ">", "<=", "<"]
            .into_iter()
            .filter(|operator| after.starts_with(operator))
            .max_by_key(|operator| operator.len())
            .ok_or_else(|| wrong(rest))?;
        let value = after[operator.len()..].strip_prefix('"').ok_or_else(|| wrong(rest))?;
        let (value, after) = value.split_once('"').ok_or_else(|| wrong(rest))?;
        found.push((key.trim().to_owned(), operator.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    Ok(found)
}

/// The values that a key equals in a filter.
pub(super) fn values<'a>(comparisons: &'a [(String, String, String)], key: &str) -> Vec<&'a str> {
    let equal = |(found, operator, _): &&(String, String, String)| found == key && operator == "=";
    comparisons.iter().filter(equal).map(|(_, _, value)| value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_read_in_order() {
        let filter = "a.b=\"c d\" AND (e=\"1\" OR e=\"2\") AND timestamp>=\"2026-01-01T00:00:00Z\"";
        let found = comparisons(filter).unwrap();
        assert_eq!(values(&found, "a.b"), ["c d"]);
        assert_eq!(values(&found, "e"), ["1", "2"]);
        assert_eq!(found[3].1, ">=");
        assert!(comparisons("a").is_err() && comparisons("a=b").is_err());
    }
}
