//! What a lesson's sources use that no exercise needs, by their syntax.
//!
//! The list says what is allowed; everything else is shown. It is no proof: it says which lines one should read before
//! believing a pass. Lines that stand in the stub, too, are not shown.

use anyhow::{Context, Result};
use proc_macro2::{Span, TokenStream, TokenTree};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};
use syn::{
    Attribute, File, ItemUse, Macro, UseTree,
    spanned::Spanned,
    visit::{self, Visit},
};

/// Modules of `std`, `core` and `alloc` that compute.
const STD: &[&str] = &[
    "any",
    "array",
    "ascii",
    "borrow",
    "boxed",
    "cell",
    "char",
    "clone",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "f32",
    "f64",
    "fmt",
    "hash",
    "hint",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "prelude",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "sync",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "vec",
];
/// Of modules that are allowed, what is not.
const STD_NOT: &[&str] = &["transmute", "transmute_copy", "MaybeUninit", "zeroed"];
/// What of each crate an exercise may need; an empty list is everything.
const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &[]),
    (
        "candle_core",
        &[
            "backprop",
            "bail",
            "op",
            "CpuStorage",
            "CustomOp1",
            "CustomOp2",
            "CustomOp3",
            "D",
            "DType",
            "Device",
            "Error",
            "FloatDType",
            "IndexOp",
            "Layout",
            "Module",
            "ModuleT",
            "Result",
            "Shape",
            "Storage",
            "Tensor",
            "TensorId",
            "Var",
            "WithDType",
            "shape",
            "ensure",
        ],
    ),
    ("candle_nn", &["activation", "encoding", "init", "loss", "ops", "optim"]),
    ("draw", &["Colormap"]),
    ("half", &[]),
    ("rand", &[]),
    ("rand_chacha", &[]),
    ("rand_distr", &[]),
    (
        "resnet",
        &[
            "by_image",
            "normalize",
            "denormalize",
            "ops",
            "parameters",
            "sites",
            "Block",
            "Config",
            "Gradients",
            "Mode",
            "Parameters",
            "ResNet",
            "Stem",
            "Trace",
            "Visitor",
            "Window",
        ],
    ),
    ("scenes", &[]),
];
/// Functions of these crates that read or write files or raw memory.
const FUNCTIONS: &[&str] = &[
    "from_mmaped_safetensors",
    "from_pth",
    "from_raw_buffer",
    "load",
    "load_buffer",
    "load_for_imagenet",
    "load_imatrix",
    "load_safetensors",
    "open",
    "read_all",
    "read_all_with_key",
    "read_npy",
    "read_npz",
    "read_npz_by_name",
    "save",
    "save_buffer",
    "save_buffer_with_format",
    "save_safetensors",
    "save_with_format",
    "write_bytes",
    "write_npy",
    "write_npz",
    "write_to",
    "as_ptr",
    "as_mut_ptr",
    "from_raw_parts",
    "from_raw_parts_mut",
    "leak",
];
const MACROS: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "column",
    "concat",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "line",
    "matches",
    "panic",
    "print",
    "println",
    "stringify",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];
const ATTRIBUTES: &[&str] = &[
    "allow",
    "cfg",
    "cold",
    "default",
    "deny",
    "derive",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "non_exhaustive",
    "rustfmt",
    "test",
    "track_caller",
    "warn",
];
/// Roots of paths that lie in the lesson itself.
const OWN: &[&str] = &["crate", "self", "super", "Self"];

/// Something that no exercise needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// From 1.
    pub line: usize,
    /// What is used, as it would be written in full.
    pub what: String,
}

/// The findings in the lessons of a course as lines `file:line: what | source`. What the file of the same name below
/// `stubs` has on a line of the same text is left out.
///
/// **Errors** if a folder or file cannot be read.
pub fn read(course: &Path, stubs: &Path) -> Result<Vec<String>> {
    let mut lines = vec![];
    for lesson in course::lessons() {
        let folder = Path::new("lessons").join(&lesson.package).join("src");
        for file in crate::take::sources(course, &folder)?.files {
            let source = fs::read_to_string(course.join(&file)).with_context(|| file.display().to_string())?;
            let stub = fs::read_to_string(stubs.join(&file)).unwrap_or_default();
            lines.extend(report(&file, &source, &stub));
        }
    }
    Ok(lines)
}

/// The findings of one file as lines.
pub fn report(file: &Path, source: &str, stub: &str) -> Vec<String> {
    let text = |source: &str, line: usize| source.lines().nth(line - 1).unwrap_or_default().trim().to_string();
    let known: BTreeSet<_> = findings(stub)
        .into_iter()
        .map(|found| (text(stub, found.line), found.what))
        .collect();
    let mut lines = vec![];
    for Finding { line, what } in findings(source) {
        let shown = text(source, line);
        if !known.contains(&(shown.clone(), what.clone())) {
            let shown: String = shown.chars().take(100).collect();
            lines.push(format!("{}:{line}: {what} | {shown}", file.display()));
        }
    }
    lines
}

/// What a source uses that no exercise needs.
pub fn findings(source: &str) -> Vec<Finding> {
    let file: File = match syn::parse_file(source) {
        Ok(file) => file,
        Err(error) => {
            let what = format!("does not parse ({error})");
            let line = error.span().start().line.max(1);
            return vec![Finding { line, what }];
        }
    };
    let mut names = Names::default();
    names.visit_file(&file);
    let mut reader = Reader {
        names: names.0,
        found: BTreeSet::new(),
    };
    reader.visit_file(&file);
    reader.found.into_iter().collect()
}

/// What each name that a `use` brings stands for.
#[derive(Default)]
struct Names(HashMap<String, Vec<String>>);

impl Visit<'_> for Names {
    fn visit_item_use(&mut self, item: &ItemUse) {
        for used in leaves(&item.tree, vec![]) {
            if let Some(name) = used.name.filter(|name| *name != used.path[0]) {
                self.0.insert(name, used.path);
            }
        }
    }
}

struct Used {
    path: Vec<String>,
    /// `None` for a `*`.
    name: Option<String>,
    renamed: bool,
    span: Span,
}

fn leaves(tree: &UseTree, mut path: Vec<String>) -> Vec<Used> {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            leaves(&part.tree, path)
        }
        UseTree::Name(name) => {
            let span = name.ident.span();
            if name.ident != "self" {
                path.push(name.ident.to_string());
            }
            let name = path.last().cloned();
            vec![Used {
                path,
                name,
                renamed: false,
                span,
            }]
        }
        UseTree::Rename(rename) => {
            if rename.ident != "self" {
                path.push(rename.ident.to_string());
            }
            let (name, span) = (Some(rename.rename.to_string()), rename.rename.span());
            vec![Used {
                path,
                name,
                renamed: true,
                span,
            }]
        }
        UseTree::Glob(star) => {
            path.push("*".into());
            vec![Used {
                path,
                name: None,
                renamed: false,
                span: star.span(),
            }]
        }
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, path.clone())).collect(),
    }
}

struct Reader {
    names: HashMap<String, Vec<String>>,
    found: BTreeSet<Finding>,
}

impl Reader {
    fn add(&mut self, span: Span, what: impl Into<String>) {
        let (line, what) = (span.start().line.max(1), what.into());
        self.found.insert(Finding { line, what });
    }

    /// A path as it stands, with names of a `use` written out.
    fn path(&mut self, path: &[String], span: Span) {
        let mut full = path.to_vec();
        for _ in 0..8 {
            let Some(named) = self.names.get(&full[0]).filter(|named| named[0] != full[0]) else {
                break;
            };
            full.splice(..1, named.iter().cloned());
        }
        if let Some(what) = refused(&full) {
            self.add(span, what);
        } else if path.len() > 1
            && FUNCTIONS.contains(&path[path.len() - 1].as_str())
            && !OWN.contains(&full[0].as_str())
        {
            self.add(span, full.join("::"));
        }
    }

    /// The paths, macros and keywords among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let mut path = vec![ident.to_string()];
                    if matches!(path[0].as_str(), "unsafe" | "extern" | "static" | "macro_rules") {
                        self.add(ident.span(), path[0].clone());
                    }
                    while is(at + 1, ':') && is(at + 2, ':') && matches!(tokens.get(at + 3), Some(TokenTree::Ident(_)))
                    {
                        path.push(tokens[at + 3].to_string());
                        at += 3;
                    }
                    let called = at.checked_sub(1).is_some_and(|before| is(before, '.'));
                    if is(at + 1, '!') && matches!(tokens.get(at + 2), Some(TokenTree::Group(_))) {
                        self.macro_name(&path, ident.span());
                    } else if path.len() > 1 {
                        self.path(&path, ident.span());
                    } else if called {
                        self.method(&path[0], ident.span());
                    } else if self.names.contains_key(&path[0]) {
                        self.path(&path, ident.span());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn macro_name(&mut self, path: &[String], span: Span) {
        if !MACROS.contains(&path[path.len() - 1].as_str()) {
            self.add(span, format!("{}!", path.join("::")));
        }
    }

    fn method(&mut self, name: &str, span: Span) {
        if FUNCTIONS.contains(&name) {
            self.add(span, format!(".{name}()"));
        }
    }
}

/// What of a full path is not allowed; `None` if nothing.
fn refused(full: &[String]) -> Option<String> {
    let root = full[0].as_str();
    let second = full.get(1).map(String::as_str);
    let shown = || Some(full.iter().take(3).cloned().collect::<Vec<_>>().join("::"));
    if matches!(root, "std" | "core" | "alloc") {
        let computes = second.is_some_and(|second| STD.contains(&second));
        let odd = full.iter().any(|part| STD_NOT.contains(&part.as_str()));
        return if computes && !odd { None } else { shown() };
    }
    if full.iter().map(String::as_str).eq(["resnet", "parameters", "read"]) {
        return shown();
    }
    let (_, allowed) = CRATES.iter().find(|(name, _)| *name == root)?;
    match second {
        Some(second) if allowed.is_empty() || allowed.contains(&second) => None,
        // `use candle_core;` and a path that is only the crate's name.
        None => None,
        Some(_) => shown(),
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        for used in leaves(&item.tree, vec![]) {
            let root = used.path[0].as_str();
            let known = matches!(root, "std" | "core" | "alloc") || CRATES.iter().any(|(name, _)| *name == root);
            let own = OWN.contains(&root) || self.names.contains_key(root) || root.starts_with(char::is_uppercase);
            if used.path.len() == 1 && known {
                // A whole crate under its own or another name.
                if used.renamed || matches!(root, "std" | "core" | "alloc") {
                    self.add(used.span, format!("use {root} as {}", used.name.unwrap_or_default()));
                }
            } else if known {
                self.path(&used.path, used.span);
            } else if item.leading_colon.is_some() || (!own && is_foreign(root)) {
                self.add(used.span, used.path.join("::"));
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if path.leading_colon.is_some() || parts.len() > 1 {
            let foreign = is_foreign(&parts[0]) && !self.names.contains_key(&parts[0]);
            if foreign {
                self.add(path.span(), parts.join("::"))
            } else {
                self.path(&parts, path.span())
            }
        } else if self.names.contains_key(&parts[0]) {
            self.path(&parts, path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.method(&call.method.to_string(), call.method.span());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, item: &'a Macro) {
        let parts: Vec<String> = item.path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.macro_name(&parts, item.path.span());
        if parts.len() > 1 {
            self.path(&parts, item.path.span());
        }
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        let name = attribute
            .path()
            .segments
            .first()
            .map_or(String::new(), |part| part.ident.to_string());
        if !ATTRIBUTES.contains(&name.as_str()) {
            self.add(attribute.span(), format!("#[{name}]"));
        }
    }

    fn visit_expr_unsafe(&mut self, block: &'a syn::ExprUnsafe) {
        self.add(block.span(), "unsafe");
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        if let Some(keyword) = &signature.unsafety {
            self.add(keyword.span(), "unsafe");
        }
        if let Some(abi) = &signature.abi {
            self.add(abi.span(), "extern");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if let Some(keyword) = &item.unsafety {
            self.add(keyword.span(), "unsafe");
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'a syn::ItemForeignMod) {
        self.add(item.span(), "extern");
    }

    fn visit_item_extern_crate(&mut self, item: &'a syn::ItemExternCrate) {
        self.add(item.span(), "extern crate");
    }

    fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
        self.add(item.span(), "static");
        visit::visit_item_static(self, item);
    }

    fn visit_item_union(&mut self, item: &'a syn::ItemUnion) {
        self.add(item.span(), "union");
    }

    fn visit_item_macro(&mut self, item: &'a syn::ItemMacro) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.visit_macro(&item.mac);
    }
}

/// Crates that a lesson can name and no exercise needs.
fn is_foreign(root: &str) -> bool {
    [
        "studio",
        "image",
        "train",
        "graders",
        "course",
        "libc",
        "rayon",
        "safetensors",
        "proc_macro",
        "test",
        "checkpoints",
    ]
    .contains(&root)
        || root.starts_with("solution")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(source: &str, expected: &[&str]) {
        let found: Vec<_> = findings(source).into_iter().map(|found| found.what).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn ways_around_a_list_of_words_are_found() {
        finds("use std::{env, fs};", &["std::env", "std::fs"]);
        finds("use ::std as s;", &["use std as s"]);
        finds(
            "use std as s; fn f() { s::process::exit(0) }",
            &["std::process::exit", "use std as s"],
        );
        finds("use core::{self as c};", &["use core as c"]);
        finds("use std::*;", &["std::*"]);
        finds("extern crate std as s;", &["extern crate"]);
        finds(
            "fn f() { ::std::fs::write(\"a\", \"b\").unwrap() }",
            &["std::fs::write"],
        );
        finds("fn f() { std :: process\n:: exit(0) }", &["std::process::exit"]);
        finds("const A: &str = include_str!(\"a\");", &["include_str!"]);
        finds(
            "include!(\"../../../solutions/lesson01/src/window.rs\");",
            &["include!"],
        );
        finds(
            "const A: &str = core::include_str!(\"a\");",
            &["core::include_str", "core::include_str!"],
        );
        finds("#[path = \"x.rs\"] mod x;", &["#[path]"]);
        finds("#[cfg_attr(all(), path = \"x.rs\")] mod x;", &["#[cfg_attr]"]);
        finds(
            "fn f() { core::arch::asm!(\"nop\") }",
            &["core::arch::asm", "core::arch::asm!"],
        );
        finds(
            "use candle_core::safetensors::save;",
            &["candle_core::safetensors::save"],
        );
        finds("use candle_core::safetensors as files;", &["candle_core::safetensors"]);
        finds(
            "use candle_core as c; fn f() { c::safetensors::save() }",
            &["candle_core::safetensors::save", "use candle_core as c"],
        );
        finds("fn f(x: &Tensor) { x.write_npy(\"a\") }", &[".write_npy()"]);
        finds(
            "fn f(x: &Tensor) { Tensor::write_npy(x, \"a\") }",
            &["Tensor::write_npy"],
        );
        finds(
            "use resnet::parameters; fn f() { parameters::read(\"a\") }",
            &["resnet::parameters::read"],
        );
        finds("fn f() { image::save_buffer() }", &["image::save_buffer"]);
        finds(
            "#[unsafe(link_section = \".init_array\")] static A: u8 = 0;",
            &["#[unsafe]", "static"],
        );
        finds(
            "#[link_section = \"x\"] static A: u8 = 0;",
            &["#[link_section]", "static"],
        );
        finds("fn f() { unsafe { g() } }", &["unsafe"]);
        finds("unsafe fn f() {}", &["unsafe"]);
        finds("unsafe impl Send for A {}", &["unsafe"]);
        finds("unsafe extern \"C\" { fn f(); }", &["extern"]);
        finds("extern \"C\" fn f() {}", &["extern"]);
        finds("use std::mem::transmute;", &["std::mem::transmute"]);
        finds("fn f() { std::panic::set_hook(g) }", &["std::panic::set_hook"]);
        finds(
            "fn f() { println!(\"{}\", std::env::args().count()) }",
            &["std::env::args"],
        );
        finds("fn f() { format!(\"{:?}\", unsafe { g() }); }", &["unsafe"]);
        finds("fn f() { vec![include_bytes!(\"a\")]; }", &["include_bytes!"]);
        finds("fn f() { assert!(x.write_npy(\"a\")) }", &[".write_npy()"]);
        finds(
            "macro_rules! m { ($i:ident) => { $i!(\"a\") } }",
            &["i!", "macro_rules!"],
        );
        finds("use std::io::Write; fn f() { Write::flush() }", &["std::io::Write"]);
        finds("fn f() { mod inner { use std::fs; } }", &["std::fs"]);
        finds("fn f( {", &["does not parse (cannot parse string into token stream)"]);
    }

    #[test]
    fn what_exercises_need_is_not_found() {
        finds(
            "//! A lesson.\nmod a;\npub use a::b;\nuse candle_core::{self, D, DType, Result, Tensor, bail};\n\
             use std::{collections::HashMap, f64::consts::TAU, fmt};\nuse rand::{Rng, SeedableRng};\n\
             use resnet::{ResNet, Window, ops};\nuse crate::window::output_size;\n\
             /// Doc.\n#[derive(Clone, Debug)]\npub struct A<'a> { a: &'a [f32] }\n\
             pub fn f(x: &Tensor) -> Result<Tensor> {\n if x.rank() != 4 { bail!(\"expected {:?}\", x.dims()) }\n\
             let y = Tensor::zeros(3, DType::F32, x.device())?; let m: HashMap<String, usize> = HashMap::new();\n\
             let v = vec![f32::NAN; 3]; std::mem::swap(a, b); assert!(matches!(x, Some(_)));\n\
             candle_core::Error::Msg(format!(\"{v:?}\")); x.sum_all()?.backward()?; todo!(\"exercise 1.1: x\") }\n\
             #[cfg(test)]\nmod tests { use super::*; #[test] fn t() { assert_eq!(1, 1); } }",
            &[],
        );
    }

    #[test]
    fn lines_of_the_stub_are_not_shown_and_others_are_with_their_place() {
        let stub = "const FILE: &str = include_str!(\"case.txt\");\nfn f() { todo!() }\n";
        let attempt =
            "// mine\nconst FILE: &str = include_str!(\"case.txt\");\nfn f() {\n    std::process::exit(0)\n}\n";
        assert_eq!(
            report(Path::new("a.rs"), attempt, stub),
            ["a.rs:4: std::process::exit | std::process::exit(0)"]
        );
        let other = "const FILE: &str = include_str!(\"../../secret\");";
        assert_eq!(report(Path::new("a.rs"), other, stub).len(), 1);
    }

    /// Neither the stubs nor the solutions use anything that the list does not allow, but for what the stubs bring.
    #[test]
    fn the_solutions_are_clean() {
        let root = course::root().unwrap();
        for lesson in course::lessons() {
            let folder = Path::new("solutions").join(&lesson.package).join("src");
            let files = crate::take::sources(root, &folder).unwrap().files;
            for file in files.into_iter().filter(|file| !file.ends_with("main.rs")) {
                let stub = Path::new("lessons").join(file.strip_prefix("solutions").unwrap());
                let read = |path: &Path| fs::read_to_string(root.join(path)).unwrap_or_default();
                assert_eq!(report(&file, &read(&file), &read(&stub)), [""; 0]);
            }
        }
    }
}
