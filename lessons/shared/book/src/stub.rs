//! What the learner's own file says about an exercise: documentation and signatures.

use std::path::Path;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta};

/// The documentation of one exercise, in the order of the file.
pub struct Stub {
    /// The line after `## 3.2`, a question.
    pub heading: String,
    /// Markdown, without the heading.
    pub text: String,
    /// The items that belong to the exercise: signature and documentation. The first one's documentation is `text`.
    pub items: Vec<(String, String)>,
}

/// Reads the exercise `id` from a file of the lessons. What follows the item with its heading belongs to it, up to the
/// next heading, as far as it is documented and public.
pub fn read(file: &Path, id: &str) -> Result<Stub> {
    let source = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let parsed = syn::parse_file(&source).with_context(|| format!("{} is not valid Rust", file.display()))?;
    let mut found: Option<Stub> = None;
    for (signature, docs) in parsed.items.iter().flat_map(described) {
        match heading(&docs) {
            Some((number, title, text)) if number == id => {
                let items = vec![(signature, String::new())];
                found = Some(Stub {
                    heading: title,
                    text,
                    items,
                });
            }
            Some(_) if found.is_some() => break,
            Some(_) => {}
            None => {
                if let Some(stub) = &mut found {
                    stub.items.push((signature, docs));
                }
            }
        }
    }
    found.with_context(|| format!("no item in {} has the heading \"## {id}\"", file.display()))
}

/// Number, title and text of documentation that opens with `## 3.2 What …`.
fn heading(docs: &str) -> Option<(String, String, String)> {
    let (first, rest) = docs.split_once('\n').unwrap_or((docs, ""));
    let (number, title) = first.strip_prefix("## ")?.split_once(' ')?;
    Some((number.to_string(), title.to_string(), rest.trim_start().to_string()))
}

/// Signature and documentation of an item and of what is inside of it.
fn described(item: &Item) -> Vec<(String, String)> {
    let of = |attributes: &[Attribute], signature: String| {
        let docs = docs(attributes);
        (!docs.is_empty()).then_some((signature, docs))
    };
    let is_public = |visibility: &syn::Visibility| matches!(visibility, syn::Visibility::Public(_));
    match item {
        Item::Fn(function) if is_public(&function.vis) => {
            of(&function.attrs, signature(&function.sig)).into_iter().collect()
        }
        Item::Struct(item) if is_public(&item.vis) => {
            of(&item.attrs, format!("struct {}", item.ident)).into_iter().collect()
        }
        Item::Enum(item) if is_public(&item.vis) => {
            of(&item.attrs, format!("enum {}", item.ident)).into_iter().collect()
        }
        Item::Impl(block) => {
            let own = of(&block.attrs, format!("impl {}", tokens(&block.self_ty)));
            let methods = block.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) => of(&method.attrs, signature(&method.sig)),
                _ => None,
            });
            own.into_iter().chain(methods).collect()
        }
        _ => vec![],
    }
}

/// A signature as one would write it.
fn signature(signature: &syn::Signature) -> String {
    let function: syn::ItemFn = syn::parse_quote! { #signature {} };
    let file = syn::File {
        shebang: None,
        attrs: vec![],
        items: vec![Item::Fn(function)],
    };
    let text = prettyplease::unparse(&file);
    text.trim().trim_end_matches("{}").trim_end().to_string()
}

fn tokens(item: &impl ToTokens) -> String {
    item.to_token_stream()
        .to_string()
        .replace(" < ", "<")
        .replace(" >", ">")
}

/// The documentation comment of an item, without the space that follows each `///`.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(syn::ExprLit {
                lit: Lit::Str(text), ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).to_string())
        .collect();
    lines.join("\n")
}
