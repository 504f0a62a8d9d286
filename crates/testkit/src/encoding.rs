//! Bodies and addresses as clients write them: percent encoding, forms, multipart.

/// A form, to be sent as a query, as `application/x-www-form-urlencoded` or as `multipart/form-data`.
#[derive(Clone, Debug, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
}

/// What separates the parts of a multipart body; longer than anything a test sends.
const BOUNDARY: &str = "----tripline-testkit-boundary-5f1b6e";

impl Form {
    /// Returns a form with these fields.
    #[must_use]
    pub fn of<const N: usize>(fields: [(&str, &str); N]) -> Form {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Form {
            fields: fields.collect(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns it as `a=b&c=d`.
    #[must_use]
    pub fn urlencoded(&self) -> String {
        let field = |(name, value): &(String, String)| format!("{}={}", encode_segment(name), encode_segment(value));
        self.fields.iter().map(field).collect::<Vec<_>>().join("&")
    }

    /// Returns its content type and body as `curl --form` sends them.
    #[must_use]
    pub fn multipart(&self) -> (String, Vec<u8>) {
        let mut body = String::new();
        for (name, value) in &self.fields {
            let name = name.replace('"', "%22");
            body.push_str(&format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(&format!("--{BOUNDARY}--\r\n"));
        (format!("multipart/form-data; boundary={BOUNDARY}"), body.into_bytes())
    }
}

/// Returns `text` as one segment of a path or one part of a query: everything but letters, digits and `-._~` encoded.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_for_a_query() {
        let form = Form::of([("variables[A]", "x y&z"), ("ref", "a/b")]);
        assert_eq!(form.urlencoded(), "variables%5BA%5D=x%20y%26z&ref=a%2Fb");
    }

    #[test]
    fn a_multipart_body_has_one_part_a_field() {
        let (content_type, body) = Form::of([("a", "1")]).with("b", "2").multipart();
        let body = String::from_utf8(body).unwrap();
        assert!(content_type.ends_with(BOUNDARY));
        assert_eq!(body.matches("form-data; name=").count(), 2);
        assert!(body.ends_with(&format!("--{BOUNDARY}--\r\n")));
    }
}
