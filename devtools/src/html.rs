//! Links in pages that a generator wrote.

/// The values of an attribute in a page. In its text a quotation mark is `&quot;`.
#[must_use]
pub fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The file that a link of the page at `page` leads to, both as paths from the root of the site, and its anchor.
#[must_use]
pub fn resolved<'a>(page: &str, link: &'a str) -> (String, Option<&'a str>) {
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    if path.is_empty() {
        return (page.to_owned(), anchor);
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    (parts.join("/"), anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_seen_from_their_page() {
        for (link, path, anchor) in [
            ("b.html", "a/b.html", None),
            ("./b.html#x", "a/b.html", Some("x")),
            ("../c/d.html", "c/d.html", None),
            ("#x", "a/page.html", Some("x")),
        ] {
            assert_eq!(resolved("a/page.html", link), (path.to_owned(), anchor));
        }
        let page = r#"<a href="x"><p id="y" class="z"> href=&quot;w&quot;"#;
        assert_eq!(attributes(page, "href"), ["x"]);
        assert_eq!(attributes(page, "id"), ["y"]);
    }
}
