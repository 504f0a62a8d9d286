//! `${{ job.inputs.name }}` in a job's script lines.

use serde_json::Value;
use wire::runner::Input;

/// Replaces every reference to an input; without inputs, text stays as it is.
///
/// # Errors
///
/// What is wrong with an expression: an unknown input, or anything but a plain reference.
pub(super) fn interpolate(text: &str, inputs: &[Input]) -> Result<String, String> {
    if inputs.is_empty() {
        return Ok(text.to_owned());
    }
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        output.push_str(&rest[..start]);
        let after = &rest[start + 3..];
        let end = after.find("}}").ok_or_else(|| "`${{` without `}}`".to_owned())?;
        output.push_str(&value(after[..end].trim(), inputs)?);
        rest = &after[end + 2..];
    }
    output.push_str(rest);
    Ok(output)
}

fn value(expression: &str, inputs: &[Input]) -> Result<String, String> {
    let name = expression
        .strip_prefix("job.inputs.")
        .ok_or_else(|| format!("`{expression}` is not supported; expected `job.inputs.NAME`"))?;
    let input = inputs
        .iter()
        .find(|input| input.key == name)
        .ok_or_else(|| format!("there is no input `{name}`"))?;
    Ok(match &input.value.content {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use wire::runner::InputValue;

    use super::*;

    #[test]
    fn references_are_replaced_and_anything_else_is_an_error() {
        let input = |key: &str, content| Input {
            key: key.into(),
            value: InputValue {
                content,
                ..InputValue::default()
            },
        };
        let inputs = [input("a", Value::from("x y")), input("n", Value::from(3))];
        assert_eq!(
            interpolate("echo ${{ job.inputs.a }} ${{job.inputs.n}} ${A}", &inputs).unwrap(),
            "echo x y 3 ${A}"
        );
        assert!(interpolate("${{ job.inputs.b }}", &inputs).unwrap_err().contains("`b`"));
        assert!(interpolate("${{ env.X }}", &inputs).is_err());
        assert_eq!(interpolate("${{ env.X }}", &[]).unwrap(), "${{ env.X }}");
    }
}
