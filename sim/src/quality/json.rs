//! JSON that says where it is wrong: each value knows its path.

use serde_json::Value;

/// A value and how it was reached, such as `workflow.specification.tasks[3].id`.
#[derive(Clone, Debug)]
pub struct At<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> At<'a> {
    /// The whole document.
    pub fn root(value: &'a Value) -> Self {
        At { value, path: String::new() }
    }

    /// An error about this value.
    pub fn wrong(&self, what: &str) -> String {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        format!("{path}: {what}")
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// If it is not, or this is no object.
    pub fn field(&self, name: &str) -> Result<At<'a>, String> {
        self.optional(name)?.ok_or_else(|| self.child(name).wrong("it is missing"))
    }

    /// A field that may be missing, or null.
    ///
    /// # Errors
    /// If this is no object.
    pub fn optional(&self, name: &str) -> Result<Option<At<'a>>, String> {
        let object = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        Ok(object.get(name).filter(|value| !value.is_null()).map(|value| At { value, ..self.child(name) }))
    }

    /// The items of a list.
    ///
    /// # Errors
    /// If this is no list.
    pub fn items(&self) -> Result<impl Iterator<Item = At<'a>>, String> {
        let items = self.value.as_array().ok_or_else(|| self.expected("a list"))?;
        let path = self.path.clone();
        Ok(items.iter().enumerate().map(move |(i, value)| At { value, path: format!("{path}[{i}]") }))
    }

    /// Text.
    ///
    /// # Errors
    /// If this is something else.
    pub fn text(&self) -> Result<&'a str, String> {
        self.value.as_str().ok_or_else(|| self.expected("text"))
    }

    /// A number that is not negative.
    ///
    /// # Errors
    /// If this is something else.
    pub fn amount(&self) -> Result<f64, String> {
        self.value.as_f64().filter(|number| *number >= 0.0).ok_or_else(|| self.expected("a number of at least 0"))
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// If this is something else.
    pub fn count(&self) -> Result<u64, String> {
        // Some writers print whole numbers as 4.0.
        let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0 && number < 1e19).then_some(number as u64);
        let count = self.value.as_u64().or_else(|| self.value.as_f64().and_then(whole));
        count.ok_or_else(|| self.expected("a whole number of at least 0"))
    }

    fn child(&self, name: &str) -> At<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        At { value: self.value, path: format!("{}{dot}{name}", self.path) }
    }

    fn expected(&self, what: &str) -> String {
        let mut found = self.value.to_string();
        if found.len() > 40 {
            found = found.chars().take(40).chain("…".chars()).collect();
        }
        self.wrong(&format!("{what} is expected, not {found}"))
    }
}
