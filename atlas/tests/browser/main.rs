//! The site in a headless browser, from files, without a server.

mod driver;

use serde_json::json;

use driver::Browser;

/// What a page leaves to be scrolled sideways, in pixels.
const OVERFLOW: &str = "document.documentElement.scrollWidth - innerWidth";

/// The colour that the page has, as light as numbers from 0 to 255.
const GROUND: &str = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))";

fn with_site(test: impl FnOnce(&mut Browser, &dyn Fn(&str) -> String)) {
    let directory = tempfile::tempdir().unwrap();
    let records = xen_records::records().unwrap();
    xen_atlas::site(&records).unwrap().write(directory.path()).unwrap();
    let mut browser = Browser::start();
    let root = directory.path().display().to_string();
    test(&mut browser, &|path| format!("file://{root}/{path}"));
    assert_eq!(browser.errors, [""; 0], "errors in the console");
}

#[test]
fn a_reader_searches_navigates_and_compares() {
    with_site(|browser, page| {
        browser.resize(1280, 900, false);
        search(browser, page);
        search_by_value(browser, page);
        names_find_their_pages(browser, page);
        compare(browser, page);
        colours(browser, page);
        phone(browser, page);
    });
}

fn search(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    browser.open(&page("index.html"));
    assert_eq!(
        browser.value("document.querySelector('script[src*=\"data/\"]')"),
        json!(null),
        "lazy"
    );
    browser.press("/", 191);
    assert_eq!(browser.text("document.activeElement.id"), "search");
    browser.write("gnttab_cop");
    browser.wait_for("document.querySelectorAll('#results [role=option]').length > 2");
    assert_eq!(browser.text("document.querySelector('#results code').textContent"), "gnttab_copy");
    browser.press("ArrowDown", 40);
    browser.press("ArrowUp", 38);
    browser.press("Enter", 13);
    browser.wait_for("location.pathname.endsWith('types/gnttab_copy.html') && document.readyState === 'complete'");
    assert_eq!(browser.text("document.querySelector('h1').textContent"), "struct gnttab_copy");
    // From the type to its header, and to a constant there.
    browser.value("document.querySelector('dl.facts a').click()");
    browser.wait_for("location.pathname.endsWith('headers/grant_table.h.html') && document.readyState === 'complete'");
    browser.press("/", 191);
    browser.write("no such name");
    browser.wait_for("document.querySelector('#results .none') !== null");
    browser.press("Escape", 27);
    assert_eq!(browser.value("document.getElementById('results').hidden"), json!(true));
}

fn search_by_value(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    browser.open(&page("about.html"));
    browser.press("/", 191);
    browser.write("-22");
    browser.wait_for("document.querySelector('#results [role=option]') !== null");
    assert_eq!(browser.text("document.querySelector('#results code').textContent"), "XEN_EINVAL");
}

fn names_find_their_pages(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    for (name, place) in [
        ("gnttab_copy", "types/gnttab_copy.html"),
        ("gnttab_copy_t", "types/gnttab_copy.html#gnttab_copy_t"),
        ("GNTTABOP_copy", "headers/grant_table.h.html#GNTTABOP_copy"),
        ("grant_table_op", "hypercalls/grant_table_op.html"),
    ] {
        browser.open(&page(&format!("go.html#{name}")));
        browser.wait_for(&format!("location.href.endsWith('/{place}')"));
    }
    browser.open(&page("go.html#no_such_name"));
    browser.wait_for("document.getElementById('go').textContent.includes('no_such_name')");
}

fn compare(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    browser.open(&page("compare.html#4.17..4.22/aarch64"));
    browser.wait_for(
        "document.getElementById('summary').textContent.startsWith('4.17 to 4.22 on aarch64: ')",
    );
    let changes = "document.querySelectorAll('#differences li').length";
    let wide = browser.value(changes).as_u64().unwrap();
    let choose = |id: &str, value: &str| {
        format!(
            "(() => {{ const c = document.getElementById('{id}'); c.value = '{value}'; c.dispatchEvent(new Event('change')); }})()"
        )
    };
    browser.value(&choose("from", "4.21"));
    let narrow = browser.value(changes).as_u64().unwrap();
    assert!(0 < narrow && narrow < wide, "{narrow} of {wide}");
    assert!(browser.text("location.hash").contains("4.21..4.22/aarch64"));
    browser.value(&choose("arch", "riscv64"));
    browser.value(&choose("from", "4.14"));
    assert!(
        browser
            .text("document.getElementById('summary').textContent")
            .contains("4.14 has no riscv64")
    );
    browser.open(&page("compare.html#4.14..4.15/x86_64"));
    browser.value("(() => { const f = document.getElementById('filter'); f.value = 'xen_domctl'; f.dispatchEvent(new Event('input')); })()");
    assert_eq!(
        browser.value("[...document.querySelectorAll('#differences li a')].every(a => a.textContent.toLowerCase().includes('xen_domctl'))"),
        json!(true)
    );
}

fn colours(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    browser.open(&page("index.html"));
    let ground = |browser: &mut Browser| browser.value(GROUND).as_f64().unwrap();
    browser.prefer("light");
    assert!(ground(browser) > 200.0);
    browser.prefer("dark");
    assert!(ground(browser) < 60.0);
    let click = "document.getElementById('theme').click()";
    browser.value(click);
    assert_eq!(browser.text("document.getElementById('theme').textContent"), "Light");
    assert!(ground(browser) > 200.0);
    // It is kept on the next page.
    browser.open(&page("hypercalls.html"));
    assert!(ground(browser) > 200.0);
    browser.value(click);
    assert_eq!(browser.text("document.getElementById('theme').textContent"), "Dark");
    browser.prefer("light");
    assert!(ground(browser) < 60.0);
}

fn phone(browser: &mut Browser, page: &dyn Fn(&str) -> String) {
    browser.resize(360, 740, true);
    for path in [
        "index.html",
        "about.html",
        "hypercalls.html",
        "hypercalls/memory_op.html",
        "compare.html#4.14..4.22/x86_64",
        "headers/domctl.h.html",
        "headers/io/blkif.h.html",
        "types/gnttab_copy.html",
        "types/xen_domctl.html",
        "types/vcpu_guest_context.html",
        "types/shared_info.html",
    ] {
        browser.open(&page(path));
        assert_eq!(browser.value(OVERFLOW), json!(0), "{path} is wider than a phone");
        assert_eq!(browser.value("innerWidth"), json!(360), "{path}");
    }
}
