//! Calls go down only: what the source files import, read as text.
//!
//! The tables below are the architecture; the tests compare the imports with them. An exception that no longer occurs
//! fails too, so that the tables only become shorter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules, from the ground up. A module may use those on floors below its own.
const FLOORS: &[&[&str]] = &[
    &["error"],
    &["report", "monitor", "settings", "threads"],
    &["design"],
    &["linalg"],
    &["problem"],
    &["energy"],
    &["solver"],
    &["support", "posterior"],
    &["l1", "datasets"],
    &["baseline", "factorization"],
    &["model"],
    &["python"],
];

/// Crates of which only these folders may know.
const CONFINED: &[(&str, &[&str])] = &[("pyo3", &["python"]), ("numpy", &["python"]), ("faer", &["design", "linalg"])];

/// The path of a module: its names from the root of the crate, which is empty.
type Module = Vec<String>;
/// What each module uses, itself left out.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All modules that have a file of their own, with its tokens.
fn files() -> BTreeMap<Module, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(source()).unwrap().with_extension("");
                let names = relative.iter().map(|name| name.to_str().unwrap().to_owned());
                let module = names.filter(|name| name != "mod" && name != "lib").collect();
                found.insert(module, tokens(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// Identifiers, `::` and single signs; comments and literals are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").unwrap() + 2
        } else if rest.starts_with("r\"") || rest.starts_with("r#\"") {
            let end = if rest.starts_with("r\"") { "\"" } else { "\"#" };
            let start = rest.find('"').unwrap() + 1;
            start + rest[start..].find(end).unwrap() + end.len()
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'')) {
            quoted(rest, '\'')
        } else if word > 0 {
            found.push(rest[..word].to_owned());
            word
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    found
}

/// Length of the literal at the beginning of `text`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap().0 + 1
}

/// The paths in one file, from the root of the crate.
#[derive(Default)]
struct Paths {
    used: Vec<Module>,
    /// `pub use`: the name in this module, and what it stands for.
    passed_on: Vec<(String, Module)>,
}

fn paths(module: &Module, tokens: &[String]) -> Paths {
    let children: BTreeSet<&String> =
        tokens.windows(3).filter(|t| t[0] == "mod" && t[2] == ";").map(|t| &t[1]).collect();
    let mut found = Paths::default();
    // Modules within the file, with the depth of braces at which they end.
    let (mut inner, mut depth) = (Vec::<(usize, String)>::new(), 0);
    let mut public = false;
    let mut i = 0;
    while i < tokens.len() {
        let (token, next) = (tokens[i].as_str(), tokens.get(i + 1).map(String::as_str));
        match token {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|(at, _)| *at < depth + 1);
            }
            "mod" if tokens.get(i + 2).is_some_and(|t| t == "{") => inner.push((depth + 1, tokens[i + 1].clone())),
            "use" => public = i > 0 && (tokens[i - 1] == "pub" || tokens[i - 1] == ")"),
            ";" => public = false,
            _ => {}
        }
        let follows_path = i > 0 && tokens[i - 1] == "::";
        let rooted = matches!(token, "crate" | "super" | "self") || children.contains(&tokens[i]);
        if !rooted || follows_path || next != Some("::") {
            i += 1;
            continue;
        }
        let mut here = module.clone();
        here.extend(inner.iter().map(|(_, name)| name.clone()));
        let mut leaves = Vec::new();
        i = leaves_of(tokens, i, here, &mut leaves);
        match public && inner.is_empty() {
            true => found.passed_on.extend(leaves.into_iter().map(|leaf| (leaf.last().unwrap().clone(), leaf))),
            false => found.used.extend(leaves),
        }
    }
    found
}

/// Every path of the tree `a::{b, c::d}` that begins at `i`, and where it ends; `at` is where its first name lives.
fn leaves_of(tokens: &[String], mut i: usize, mut at: Module, found: &mut Vec<Module>) -> usize {
    loop {
        match tokens[i].as_str() {
            "crate" => at.clear(),
            "super" => at.truncate(at.len() - 1),
            "self" | "*" => {}
            "{" => {
                i += 1;
                while tokens[i] != "}" {
                    i = leaves_of(tokens, i, at.clone(), found);
                    i += usize::from(tokens[i] == ",");
                }
                return i + 1;
            }
            name => at.push(name.to_owned()),
        }
        let sign = |i: usize| tokens.get(i).is_some_and(|t| t == "<");
        if tokens.get(i + 1).is_none_or(|t| t != "::") || sign(i + 2) {
            found.push(at);
            // Past `as name`.
            return if tokens.get(i + 1).is_some_and(|t| t == "as") { i + 3 } else { i + 1 };
        }
        i += 2;
    }
}

/// Which file uses which, through names that a module passes on.
fn uses() -> Uses {
    let files = files();
    let read: BTreeMap<&Module, Paths> = files.iter().map(|(module, tokens)| (module, paths(module, tokens))).collect();
    let owner = |path: &Module| {
        let mut path = path.clone();
        loop {
            let home = (0..=path.len()).rev().map(|n| path[..n].to_vec()).find(|home| read.contains_key(home)).unwrap();
            let name = path.get(home.len());
            match read[&home].passed_on.iter().find(|(known, target)| Some(known) == name && *target != path) {
                Some((_, target)) => path = target.clone(),
                None => return home,
            }
        }
    };
    let of = |module: &Module| read[module].used.iter().map(owner).filter(|other| other != module).collect();
    read.keys().map(|&module| (module.clone(), of(module))).collect()
}

/// What can be reached from `start` in one step or more.
fn reach(uses: &Uses, start: &Module) -> BTreeSet<Module> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
    while let Some(module) = open.pop() {
        open.extend(uses[&module].iter().filter(|&next| seen.insert(next.clone())).cloned());
    }
    seen
}

/// The circles of a graph, each as the modules on it.
fn circles(uses: &Uses) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> = uses.keys().map(|m| (m, reach(uses, m))).collect();
    let on_a_circle = uses.keys().filter(|&m| reached[m].contains(m));
    on_a_circle.map(|m| reached[m].iter().filter(|o| reached[o].contains(m)).map(|o| o.join("::")).collect()).collect()
}

/// The same graph between the modules directly within `parent`, each with all that it holds.
fn within(uses: &Uses, parent: &Module) -> Uses {
    let room = |module: &Module| {
        (module.len() > parent.len() && module.starts_with(parent)).then(|| module[..parent.len() + 1].to_vec())
    };
    let mut folded = Uses::new();
    for (module, used) in uses {
        let Some(from) = room(module) else { continue };
        let others = used.iter().filter_map(room).filter(|to| *to != from);
        folded.entry(from.clone()).or_default().extend(others);
    }
    folded
}

#[test]
fn every_module_uses_only_those_below_it() {
    let floor_of = |name: &str| {
        let floor = FLOORS.iter().position(|floor| floor.contains(&name));
        floor.unwrap_or_else(|| panic!("src/{name} stands on no floor"))
    };
    let folded = within(&uses(), &Module::new());
    assert!(folded.len() >= 12, "only {} modules were found", folded.len());
    for (module, used) in &folded {
        for other in used {
            assert!(floor_of(&other[0]) < floor_of(&module[0]), "{} uses {}", module[0], other[0]);
        }
    }
    assert!(folded[&vec!["energy".to_owned()]].contains(&vec!["linalg".to_owned()]), "the imports were not read");
}

#[test]
fn there_is_no_circle_of_modules() {
    let uses = uses();
    let mut found = circles(&uses);
    uses.keys().for_each(|parent| found.extend(circles(&within(&uses, parent))));
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn foreign_types_stay_in_their_folders() {
    let files = files();
    for (name, folders) in CONFINED {
        let using = files.iter().filter(|(_, tokens)| tokens.windows(2).any(|t| t[0] == *name && t[1] == "::"));
        let found: BTreeSet<&str> = using.map(|(module, _)| module.first().map_or("lib", String::as_str)).collect();
        assert!(!found.is_empty(), "nothing uses {name}");
        assert!(found.iter().all(|folder| folders.contains(folder)), "{name} is used in {found:?}");
    }
}

#[test]
fn imports_are_read_with_braces_and_modules_within_a_file() {
    let text = "pub mod child; pub use child::Kept; use crate::{a::{b, c as d}, e}; mod inner { use super::super::f; }
        // crate::comment
        fn g<'a>() -> &'a str { crate::h::i::<u8>(); child::j('{'); \"crate::literal\" }";
    let module = ["top", "here"].map(str::to_owned).to_vec();
    let found = paths(&module, &tokens(text));
    let used: Vec<String> = found.used.iter().map(|path| path.join("::")).collect();
    assert_eq!(used, ["a::b", "a::c", "e", "top::f", "h::i", "top::here::child::j"]);
    assert_eq!(found.passed_on[0].1.join("::"), "top::here::child::Kept");
}
