//! Tokens → tree, by GitLab's shunting yard.
//!
//! GitLab's parser only counts values: `()$P` and `$P!` pass, `$P !$X` does not. To accept and
//! refuse the same texts, this is the same algorithm: tokens into reverse Polish order, then a
//! stack of trees.

use super::ExpressionError;
use super::lexer::{Binary, Token};
use crate::regex::Pattern;

/// An expression as a tree.
#[derive(Debug)]
pub(super) enum Tree {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A quoted text.
    Text(String),
    /// `$name`.
    Variable(String),
    /// `$[[ inputs.name ]]`.
    Input(String),
    /// A regular expression.
    Regex(Pattern),
    /// `!a`.
    Not(Box<Tree>),
    /// `a op b`.
    Binary(Binary, Box<(Tree, Tree)>),
}

impl Tree {
    /// Adds the names of all variables.
    pub(super) fn variables<'t>(&'t self, names: &mut Vec<&'t str>) {
        match self {
            Tree::Variable(name) => names.push(name),
            Tree::Not(operand) => operand.variables(names),
            Tree::Binary(_, operands) => {
                operands.0.variables(names);
                operands.1.variables(names);
            }
            Tree::Null | Tree::Bool(_) | Tree::Text(_) | Tree::Input(_) | Tree::Regex(_) => {}
        }
    }
}

/// Builds the tree.
pub(super) fn parse(tokens: Vec<Token<'_>>) -> Result<Tree, ExpressionError> {
    let mut trees: Vec<Tree> = Vec::new();
    for token in reverse_polish(tokens)? {
        let tree = match token {
            Token::Not => {
                let operand = trees.pop().ok_or_else(|| ExpressionError::new("Invalid operand"))?;
                Tree::Not(Box::new(operand))
            }
            Token::Binary(operator) => {
                let right = trees.pop();
                let left = trees
                    .pop()
                    .ok_or_else(|| ExpressionError::new("Invalid left operand"))?;
                let right = right.ok_or_else(|| ExpressionError::new("Invalid right operand"))?;
                Tree::Binary(operator, Box::new((left, right)))
            }
            Token::Open | Token::Close => {
                return Err(ExpressionError::new(
                    "Unprocessable token found in parse tree: parenthesis_open",
                ));
            }
            value => leaf(value)?,
        };
        trees.push(tree);
    }
    match (trees.pop(), trees.is_empty()) {
        (Some(tree), true) => Ok(tree),
        (Some(_), false) => Err(ExpressionError::new("Unreachable nodes in parse tree")),
        (None, _) => Err(ExpressionError::new("Empty parse tree")),
    }
}

fn leaf(token: Token<'_>) -> Result<Tree, ExpressionError> {
    Ok(match token {
        Token::Input(name) => Tree::Input(name.to_owned()),
        Token::Variable(name) => Tree::Variable(name.to_owned()),
        Token::Text(text) => Tree::Text(text.to_owned()),
        Token::Bool(value) => Tree::Bool(value),
        Token::Regex(literal) => match Pattern::delimited(literal) {
            Some(Ok(pattern)) => Tree::Regex(pattern),
            Some(Err(_)) | None => return Err(ExpressionError::new("Invalid regular expression!")),
        },
        Token::Null | Token::Open | Token::Close | Token::Binary(_) | Token::Not => Tree::Null,
    })
}

fn reverse_polish(tokens: Vec<Token<'_>>) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut output = Vec::with_capacity(tokens.len());
    let mut operators: Vec<Token<'_>> = Vec::new();
    for token in tokens {
        match token {
            Token::Open | Token::Not => operators.push(token),
            Token::Binary(_) | Token::Close => {
                while let Some(last) = operators.pop_if(|last| strength(*last) <= strength(token)) {
                    output.push(last);
                }
                if token != Token::Close {
                    operators.push(token);
                } else if operators.pop().is_none() {
                    return Err(ExpressionError::new("Unmatched parenthesis"));
                }
            }
            value => output.push(value),
        }
    }
    output.extend(operators.into_iter().rev());
    Ok(output)
}

/// How tightly an operator binds: less is tighter. Parentheses are at the end, so that a closing
/// one takes everything up to the opening one.
fn strength(token: Token<'_>) -> u8 {
    match token {
        Token::Not => 1,
        Token::Binary(Binary::Equal | Binary::NotEqual | Binary::Match | Binary::NotMatch) => 10,
        Token::Binary(Binary::And) => 11,
        Token::Binary(Binary::Or) => 12,
        Token::Open => u8::MAX,
        _ => u8::MAX - 1,
    }
}
