//! Between our items and attribute values of DynamoDB's kind. The SDK and the embedded engine have a type each for these,
//! alike but for one name, so what converts them is written once and made for both.

/// Makes `to_value`, `to_item`, `to_key`, `from_item` and `from_key` for a type of attribute values; `truth` is what it
/// calls its booleans.
macro_rules! conversions {
    ($attribute:ident, truth: $truth:ident) => {
        type Attributes = std::collections::HashMap<String, $attribute>;

        pub fn to_value(value: &$crate::table::Value) -> $attribute {
            use $crate::table::Value;
            match value {
                Value::S(text) => $attribute::S(text.clone()),
                Value::N(number) => $attribute::N(itoa::Buffer::new().format(*number).to_owned()),
                Value::Bool(truth) => $attribute::$truth(*truth),
                Value::L(values) => $attribute::L(values.iter().map(to_value).collect()),
                Value::M(map) => {
                    $attribute::M(map.iter().map(|(name, value)| (name.clone(), to_value(value))).collect())
                }
            }
        }

        fn from_value(value: $attribute) -> Result<$crate::table::Value, $crate::table::TableError> {
            use $crate::{attributes::foreign, table::Value};
            Ok(match value {
                $attribute::S(text) => Value::S(text),
                $attribute::N(number) => Value::N(number.parse().map_err(|_| foreign())?),
                $attribute::$truth(truth) => Value::Bool(truth),
                $attribute::L(values) => Value::L(values.into_iter().map(from_value).collect::<Result<_, _>>()?),
                $attribute::M(map) => {
                    let entry = |(name, value)| from_value(value).map(|value| (name, value));
                    Value::M(map.into_iter().map(entry).collect::<Result<_, _>>()?)
                }
                _ => return Err(foreign()),
            })
        }

        pub fn to_item(item: &$crate::table::Item) -> Attributes {
            item.iter().map(|(name, value)| (name.to_owned(), to_value(value))).collect()
        }

        pub fn from_item(attributes: Attributes) -> Result<$crate::table::Item, $crate::table::TableError> {
            let entry = |(name, value)| from_value(value).map(|value| (name, value));
            attributes.into_iter().map(entry).collect()
        }

        pub fn to_key(key: &$crate::table::Key) -> Attributes {
            let part = |name: &str, text: &String| (name.to_owned(), $attribute::S(text.clone()));
            [part("pk", &key.pk), part("sk", &key.sk)].into()
        }

        pub fn from_key(attributes: Attributes) -> Result<$crate::table::Key, $crate::table::TableError> {
            let item = from_item(attributes)?;
            let part = |name| item.text(name).map(str::to_owned).ok_or_else($crate::attributes::foreign);
            Ok($crate::table::Key { pk: part("pk")?, sk: part("sk")? })
        }
    };
}
pub(crate) use conversions;

/// A stored item is none of ours.
pub(crate) fn foreign() -> crate::table::TableError {
    crate::table::TableError::Invalid("a stored item holds a value that this program never writes".to_owned())
}
