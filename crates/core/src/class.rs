//! A class in settings: by number or by name.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Error, Info, Result};

/// A class as settings name it: its number from 0, or its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// By its number.
    Number(usize),
    /// By its name.
    Name(String),
}

impl Class {
    /// The number of the class that the setting `key` names; if it names none, of the class called `default`.
    ///
    /// # Errors
    /// There is no such class; the message lists those that there are.
    pub fn find(class: Option<&Self>, key: &str, default: &str, info: &Info) -> Result<usize> {
        let name = match class {
            Some(Self::Number(number)) => return info.check_class(key, *number).map(|()| *number),
            Some(Self::Name(name)) => name,
            None => default,
        };
        info.classes.iter().position(|known| known == name).ok_or_else(|| {
            let names: Vec<String> =
                info.classes.iter().take(12).enumerate().map(|(i, name)| format!("{i} {name}")).collect();
            Error::at(key, format!("the data set has no class {name:?}")).hint(format!(
                "say which class it is, by number or name: {key} = 1; it has {}",
                names.join(", ")
            ))
        })
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number as u64),
            Self::Name(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl Visitor<'_> for Read {
    type Value = Class;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number or the name of a class")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Class, E> {
        usize::try_from(number).map(Class::Number).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Class, E> {
        usize::try_from(number).map(Class::Number).map_err(|_| E::custom("classes are counted from 0"))
    }

    fn visit_str<E>(self, name: &str) -> Result<Class, E> {
        Ok(Class::Name(name.to_owned()))
    }
}

impl JsonSchema for Class {
    fn schema_name() -> Cow<'static, str> {
        "Class".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }] })
    }
    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_a_number_a_name_or_a_default() {
        let info = crate::dataset::tests::tiny(&[0, 1, 2]).info();
        let find = |class: Option<Class>| Class::find(class.as_ref(), "spam", "c1", &info);
        assert_eq!(find(None), Ok(1));
        assert_eq!(find(Some(Class::Number(2))), Ok(2));
        assert_eq!(find(Some(Class::Name("c0".into()))), Ok(0));
        let error = find(Some(Class::Name("spam".into()))).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("spam"));
        assert!(error.message.contains("\"spam\"") && error.hint.unwrap().contains("1 c1"));
        assert!(find(Some(Class::Number(3))).unwrap_err().message.contains("0 to 2"));
        for (json, class) in [("1", Class::Number(1)), ("\"ham\"", Class::Name("ham".into()))] {
            assert_eq!(serde_json::from_str::<Class>(json).unwrap(), class);
            assert_eq!(serde_json::to_string(&class).unwrap(), json);
        }
        assert!(
            serde_json::from_str::<Class>("-1").is_err() && serde_json::from_str::<Class>("true").is_err()
        );
    }
}
