//! A source text as facts: which paths it names, which items it makes, what may panic. Reads tokens,
//! so comments and strings are no facts.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// One file.
pub struct Source {
    /// Below `src`, with `/`.
    pub path: String,
    pub facts: Vec<Fact>,
    pub lines: usize,
    pub has_head: bool,
    /// Modules in files of their own that exist in test builds only.
    pub test_modules: Vec<Vec<String>>,
}

/// One thing a file says.
pub struct Fact {
    pub what: What,
    pub line: usize,
    /// Inside code of test builds.
    pub test: bool,
}

#[derive(Debug)]
pub enum What {
    /// From the crate's root: `["store", "batch", "Batch"]`.
    Ours(Vec<String>),
    /// From a crate or from what is in scope: `["tokio", "net"]`, `["Instant", "now"]`.
    Other(Vec<String>),
    /// `.name(…)`.
    Call(String),
    /// `name!(…)`.
    Macro(String),
    /// A struct, enum, union, trait or type alias.
    Type(String),
}

impl Source {
    /// Panics when the text is no Rust.
    pub fn read(path: &str, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut reader = Reader::default();
        reader.walk(
            &tokens.into_iter().collect::<Vec<_>>(),
            &module_of(path),
            false,
        );
        Self {
            path: path.to_owned(),
            facts: reader.facts,
            lines: text.lines().count(),
            has_head: text.starts_with("//!"),
            test_modules: reader.test_modules,
        }
    }
}

/// `auth/directory/mod.rs` is `[auth, directory]`, `app.rs` is `[app]`, `lib.rs` the root.
pub fn module_of(path: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let parts = stem
        .split('/')
        .filter(|part| !["mod", "lib", "main"].contains(part));
    parts.map(str::to_owned).collect()
}

#[derive(Default)]
struct Reader {
    facts: Vec<Fact>,
    test_modules: Vec<Vec<String>>,
}

impl Reader {
    fn walk(&mut self, tokens: &[TokenTree], module: &[String], test: bool) {
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(tokens, at, module, test);
        }
    }

    /// Reads what begins at `at` and returns where the next thing begins.
    fn step(&mut self, all: &[TokenTree], at: usize, module: &[String], test: bool) -> usize {
        if let Some((attribute, next)) = attribute(all, at) {
            if test || !is_of_tests(&attribute) {
                return next;
            }
            let end = end_of_item(all, next);
            self.walk(&all[next..end], module, true);
            return end;
        }
        match &all[at] {
            TokenTree::Group(group) => {
                self.walk(&inside(group), module, test);
                at + 1
            }
            TokenTree::Punct(dot) if dot.as_char() == '.' => self.call(all, at, test),
            TokenTree::Ident(word) => self.word(word, all, at, module, test),
            _ => at + 1,
        }
    }

    fn call(&mut self, all: &[TokenTree], at: usize, test: bool) -> usize {
        let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(arguments))) =
            (all.get(at + 1), all.get(at + 2))
        else {
            return at + 1;
        };
        if arguments.delimiter() == Delimiter::Parenthesis {
            self.add(What::Call(name.to_string()), name.span(), test);
        }
        at + 2
    }

    fn word(
        &mut self,
        word: &Ident,
        all: &[TokenTree],
        at: usize,
        module: &[String],
        test: bool,
    ) -> usize {
        let text = word.to_string();
        let next = ident(all, at + 1);
        match (text.as_str(), next) {
            ("mod", Some(name)) => {
                let module = [module, &[name]].concat();
                if let Some(TokenTree::Group(body)) = all.get(at + 2) {
                    self.walk(&inside(body), &module, test);
                    return at + 3;
                }
                if test {
                    self.test_modules.push(module);
                }
                at + 2
            }
            ("struct" | "enum" | "union" | "trait" | "type", Some(name)) => {
                self.add(What::Type(name), word.span(), test);
                at + 2
            }
            ("use", Some(name)) if !is_colons(all, at + 2) => {
                self.add(What::Other(vec![name]), word.span(), test);
                at + 2
            }
            _ if is_macro(all, at) => {
                self.add(What::Macro(text), word.span(), test);
                at + 2
            }
            _ if is_colons(all, at + 1) => self.path(all, at, module, test),
            _ => at + 1,
        }
    }

    /// A path of at least two segments, `{…}` in it expanded.
    fn path(&mut self, all: &[TokenTree], at: usize, module: &[String], test: bool) -> usize {
        let span = all[at].span();
        let mut ends = Vec::new();
        let next = segments(all, at, Vec::new(), &mut ends);
        for segments in ends {
            let what = resolve(segments, module);
            self.add(what, span, test);
        }
        if next < all.len()
            && is_bang(all, next)
            && matches!(all.get(next + 1), Some(TokenTree::Group(_)))
        {
            if let Some(name) = ident(all, next - 1) {
                self.add(What::Macro(name), span, test);
            }
        }
        next
    }

    fn add(&mut self, what: What, span: Span, test: bool) {
        let line = span.start().line;
        self.facts.push(Fact { what, line, test });
    }
}

/// Follows a path from `at`; adds each of its ends to `ends`, returns where it stops.
fn segments(
    all: &[TokenTree],
    mut at: usize,
    mut so_far: Vec<String>,
    ends: &mut Vec<Vec<String>>,
) -> usize {
    loop {
        match all.get(at) {
            Some(TokenTree::Ident(name)) => so_far.push(name.to_string()),
            Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                for branch in inside(tree).split(is_comma) {
                    if !branch.is_empty() {
                        segments(branch, 0, so_far.clone(), ends);
                    }
                }
                return at + 1;
            }
            // `*`, or generics: the path so far counts.
            _ => break,
        }
        at += 1;
        if !is_colons(all, at) {
            break;
        }
        at += 2;
    }
    ends.push(so_far);
    at
}

/// Resolves `crate`, `self` and `super` against the module.
fn resolve(segments: Vec<String>, module: &[String]) -> What {
    let mut base = match segments[0].as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return What::Other(segments),
    };
    let mut rest = segments.as_slice();
    while let [first, others @ ..] = rest {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            _ => break,
        }
        rest = others;
    }
    base.extend_from_slice(rest);
    What::Ours(base)
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn ident(all: &[TokenTree], at: usize) -> Option<String> {
    match all.get(at) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn is_punct(all: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(all.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_colons(all: &[TokenTree], at: usize) -> bool {
    is_punct(all, at, ':') && is_punct(all, at + 1, ':')
}

fn is_bang(all: &[TokenTree], at: usize) -> bool {
    is_punct(all, at, '!')
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn is_macro(all: &[TokenTree], at: usize) -> bool {
    is_bang(all, at + 1) && matches!(all.get(at + 2), Some(TokenTree::Group(_)))
}

/// `#[…]` or `#![…]` at `at`, and where it ends.
fn attribute(all: &[TokenTree], at: usize) -> Option<(String, usize)> {
    if !is_punct(all, at, '#') {
        return None;
    }
    let at = if is_bang(all, at + 1) { at + 2 } else { at + 1 };
    match all.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            let text = group.stream().to_string();
            Some((text.split_whitespace().collect(), at + 1))
        }
        _ => None,
    }
}

/// Whether what follows exists in test builds only.
fn is_of_tests(attribute: &str) -> bool {
    let test =
        attribute == "test" || attribute.ends_with("::test") || attribute.contains("::test(");
    let asked = attribute.starts_with("cfg(") && attribute.contains("\"panic-injection\"");
    let negated = attribute.contains("not(");
    !negated && (test || asked || attribute == "cfg(test)" || attribute.starts_with("cfg(all(test"))
}

/// After the item's body or its semicolon.
fn end_of_item(all: &[TokenTree], from: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let found = all[from..].iter().position(ends);
    found.map_or(all.len(), |found| from + found + 1)
}
