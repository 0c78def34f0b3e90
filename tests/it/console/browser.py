"""The console in a real browser: what the stories in Rust cannot see.

Called by tests/it/console.rs with one JSON object as its argument. Prints what it did, a line
each, and ends with an error where something was not as it should be.
"""

import json
import pathlib
import sys
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# What axe does not look at: targets of at least 24 by 24 pixels (WCAG 2.2, 2.5.8; links in a
# sentence or a cell are excepted), and nothing that stays over the page and could hide the focus.
SMALL = """() => [...document.querySelectorAll("button, .button, nav a, input, select, textarea")]
    .filter((one) => one.type !== "hidden" && one.offsetParent !== null)
    .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text)"""
FIXED = """() => [...document.querySelectorAll("body *")]
    .filter((one) => ["fixed", "sticky"].includes(getComputedStyle(one).position)).length"""
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

axe = Axe()
given = json.loads(sys.argv[1])
shots = given.get("shots")


def told(text):
    print(text, flush=True)


def looked_at(page, name):
    """Nothing for axe to say, no small targets, nothing fixed."""
    result = axe.run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    found = [(one["id"], one["nodes"][0]["html"][:200]) for one in result.response["violations"]]
    assert not found, f"{name}: {found}"
    assert page.evaluate(SMALL) == [], f"{name}: {page.evaluate(SMALL)}"
    assert page.evaluate(FIXED) == 0, name
    if shots:
        pathlib.Path(shots).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{shots}/{name}.png", full_page=False)
    told(f"looked at {name}")


def enter(browser, login, **how):
    page = browser.new_context(viewport={"width": 1200, "height": 800}, **how).new_page()
    errors = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(given["url"])
    page.fill("#inlognaam", login)
    page.fill("#wachtwoord", given["password"])
    page.click("main button")
    return page, errors


def learns_why(browser):
    """From a case number to why a partner did not get a field, in at most five clicks."""
    page, errors = enter(browser, "regie")
    looked_at(page, "vandaag")
    clicks = 0
    page.get_by_role("link", name="Berichten", exact=True).click()
    clicks += 1
    page.fill("#zoek", given["case"])
    page.get_by_role("button", name="Zoeken").click()
    clicks += 1
    looked_at(page, "berichten")
    page.locator("tbody tr", has_text="Signaal").locator("a").first.click()
    clicks += 1
    looked_at(page, "bericht")
    page.get_by_role("link", name="Bekijk waarom").first.click()
    clicks += 1
    expect(page.get_by_role("heading", name="Wat deze ontvanger niet krijgt")).to_be_visible()
    assert clicks <= 5
    looked_at(page, "uitleg")
    assert errors == [], errors
    told(f"learned why in {clicks} clicks")
    return page


def directs(page):
    """Takes a case up, and sees a field after saying why."""
    page.goto(f"{given['url']}/casussen/{given['case']}")
    page.get_by_role("link", name="Casus oppakken").first.click()
    looked_at(page, "opdracht")
    page.fill("#reden", "ik doe deze")
    page.get_by_role("button", name="Casus oppakken").click()
    expect(page.get_by_role("status").first).to_contain_text("U werkt nu aan deze casus")
    looked_at(page, "casus")
    page.locator("tbody tr", has_text="Signaal").locator("a").first.click()
    page.select_option("#veld", index=3)
    page.fill("#reden", "huisbezoek voorbereiden")
    page.get_by_role("button", name="Veld tonen").click()
    expect(page.locator("mark")).to_be_visible()
    told("saw one field")


def follows(browser):
    """A message that comes in appears by itself; not while the page is paused."""
    page, errors = enter(browser, "beheer")
    page.goto(f"{given['url']}/berichten")
    rows = page.locator("tbody tr")
    before = rows.count()
    page.get_by_role("button", name="Pauzeren").click()
    send("eerste")
    page.wait_for_timeout(3500)
    assert rows.count() == before, "paused"
    page.get_by_role("button", name="Verdergaan").click()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(500)
    send("tweede")
    expect(rows).to_have_count(before + 2, timeout=20000)
    assert errors == [], errors
    told("followed live, and paused")
    return page


def send(which):
    request = urllib.request.Request(
        f"{given['hub']}/v1/berichten",
        data=given["documents"][which].encode(),
        headers={"Authorization": f"Bearer {given['token']}", "Content-Type": "application/xml"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status in (200, 202), answer.status


def operates(page):
    """Pauses and resumes a partner, and sees a refused document after saying why."""
    page.goto(f"{given['url']}/ketenpartners")
    looked_at(page, "ketenpartners")
    line = page.locator("tbody tr", has_text="wonen-zuid")
    line.get_by_role("link", name="Schorsen").click()
    page.fill("#reden", "sleutel gelekt")
    page.get_by_role("button", name="Schorsen").click()
    expect(line).to_contain_text("Geschorst")
    line.get_by_role("link", name="Hervatten").click()
    page.fill("#reden", "nieuwe sleutel")
    page.get_by_role("button", name="Hervatten").click()
    expect(line).not_to_contain_text("Geschorst")
    page.goto(f"{given['url']}/uitval")
    looked_at(page, "uitval")
    page.locator("tbody a").first.click()
    looked_at(page, "uitval-stuk")
    page.fill("#reden-inzage", "storing zoeken")
    page.get_by_role("button", name="Inhoud tonen").click()
    expect(page.locator("pre")).to_be_visible()
    page.goto(f"{given['url']}/keten")
    looked_at(page, "keten")
    page.goto(f"{given['url']}/gebruikers")
    looked_at(page, "gebruikers")
    told("paused and resumed a partner")


def evaluates(page):
    """The programme beside what happened, with a map; on a telephone, on paper and by keyboard."""
    page.goto(f"{given['url']}/evaluatie?{given['months']}")
    expect(page.get_by_role("img", name="Kaart: signalen per duizend inwoners")).to_be_visible()
    for picture in page.get_by_role("img").all():
        table = picture.locator("xpath=ancestor::section").get_by_role("table")
        expect(table).to_be_visible()
    looked_at(page, "evaluatie")
    if shots:
        page.screenshot(path=f"{shots}/evaluatie-heel.png", full_page=True)
        page.emulate_media(media="print")
        page.screenshot(path=f"{shots}/evaluatie-papier.png", full_page=True)
        page.emulate_media(media="screen")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(WIDE) <= 0, "the evaluation is wider than a telephone"
    if shots:
        page.screenshot(path=f"{shots}/evaluatie-smal.png", full_page=True)
    page.set_viewport_size({"width": 1200, "height": 800})
    page.get_by_label("Op de kaart").select_option("aantal")
    page.get_by_role("button", name="Tonen").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="Kaart: signalen per buurt")).to_be_visible()
    told("evaluated, with a map")


def keeps(page):
    """Sorts a list, keeps the filter, comes back to it, and deletes it."""
    page.goto(f"{given['url']}/casussen")
    page.get_by_role("link", name="Geopend", exact=True).click()
    head = page.get_by_role("columnheader", name="Geopend")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Geopend").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_text("Dit filter bewaren").first.click()
    page.get_by_label("Naam van het filter").fill("nieuwste eerst")
    looked_at(page, "filter-bewaren")
    page.get_by_role("button", name="Dit filter bewaren").click()
    expect(page.get_by_role("status").first).to_contain_text("Het filter is bewaard")
    page.goto(f"{given['url']}/casussen")
    page.get_by_role("link", name="nieuwste eerst").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    looked_at(page, "filter-bewaard")
    page.get_by_role("button", name="Verwijderen nieuwste eerst").click()
    expect(page.get_by_role("link", name="nieuwste eerst")).to_have_count(0)
    told("sorted, kept a filter and deleted it")


def reminds(page):
    """Chooses requests, looks at what would be sent, and sends it."""
    page.goto(f"{given['url']}/taken")
    row = page.locator("tbody tr", has_text=given["case"]).first
    row.get_by_role("checkbox").check()
    looked_at(page, "taken-gekozen")
    page.get_by_role("button", name="Gekozen vragen herinneren").click()
    expect(page.get_by_text("Wordt herinnerd")).to_be_visible()
    page.fill("#reden", "de termijn nadert")
    looked_at(page, "herinneren")
    page.get_by_role("button", name="Herinneringen versturen").click()
    expect(page.get_by_role("status").first).to_contain_text("1 herinnerd")
    told("reminded a partner after a look")


def connects(page, browser):
    """Tries an example, and leaves it to a second person to approve another set."""
    page.goto(f"{given['url']}/koppelingen")
    looked_at(page, "koppelingen")
    page.get_by_role("link", name="Politie Eenheid Oost-Brabant").click()
    page.select_option("#voorbeeld", "in-volledig")
    page.get_by_role("button", name="Door de vertaling sturen").click()
    expect(page.get_by_text("Dit is een proef: er is niets verstuurd")).to_be_visible()
    page.get_by_role("button", name="Bereikbaarheid nakijken").click()
    expect(page.get_by_role("status")).to_be_visible()
    looked_at(page, "koppeling-bereik")
    page.go_back()
    looked_at(page, "koppeling")
    page.goto(f"{given['url']}/wachtrijen")
    looked_at(page, "wachtrijen")
    page.goto(f"{given['url']}/sets/{given['proposal']}")
    looked_at(page, "voorstel")
    page.get_by_role("button", name="Goedkeuren en actief maken").click()
    expect(page.get_by_role("alert")).to_contain_text("Een ander dan de aanvrager")
    other, errors = enter(browser, "tweede")
    other.goto(f"{given['url']}/koppelingen")
    other.get_by_role("link", name="Bekijk en beslis").click()
    looked_at(other, "sets")
    other.get_by_role("link", name="Verschil bekijken").first.click()
    other.get_by_role("button", name="Schaduwloop starten").click()
    expect(other.get_by_role("heading", name="Velden die anders gaan")).to_be_visible()
    looked_at(other, "schaduwloop")
    other.get_by_role("link", name="Terug").click()
    other.get_by_role("button", name="Goedkeuren en actief maken").click()
    expect(other.get_by_role("status").first).to_contain_text("De set is actief")
    other.get_by_role("link", name="Terug naar deze set").first.click()
    looked_at(other, "eerdere-set")
    assert errors == [], errors
    told("approved as a second person")


def audits(browser):
    """English, dark, and as narrow as a telephone: nothing is cut off."""
    page, errors = enter(browser, "audit", color_scheme="dark")
    page.get_by_role("button", name="English").click()
    page.goto(f"{given['url']}/logboek")
    expect(page.get_by_role("heading", name="Journal")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    looked_at(page, "logboek")
    pages = [f"/evaluatie?{given['months']}", "/inzagen", "/casussen", "/taken", "/berichten"]
    pages += ["/keten", "/uitval", "/koppelingen", "/sets", "/wachtrijen"]
    pages += ["/koppelingen/politie-oost-brabant?voorbeeld=in-volledig"]
    for path in [f"/verstrekkingen?casus={given['case']}", *pages]:
        page.goto(f"{given['url']}{path}")
        looked_at(page, path.strip("/").split("?")[0].replace("/", "-") + "-en")
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate(WIDE) <= 0, f"{path} is wider than a telephone"
        page.set_viewport_size({"width": 1200, "height": 800})
    assert errors == [], errors
    told("audited in English, in the dark, on a telephone")


def by_keyboard(browser):
    """In, around and out without a mouse, and without JavaScript."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(given["url"])
    for key in ["Tab"] * 4:
        page.keyboard.press(key)
    page.locator("#inlognaam").focus()
    page.keyboard.type("regie")
    page.keyboard.press("Tab")
    page.keyboard.type(given["password"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/vandaag")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Naar de inhoud")).to_be_focused()
    expect(page.get_by_role("link", name="Naar de inhoud")).to_be_in_viewport()
    page.get_by_role("link", name="Taken", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/taken")
    page.get_by_role("button", name="Uitloggen").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inloggen?gedaan=uitgelogd")
    told("went around by keyboard, without JavaScript")


with sync_playwright() as play:
    chromium = play.chromium.launch(
        executable_path=given["chromium"], args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    coordinator = learns_why(chromium)
    directs(coordinator)
    evaluates(coordinator)
    keeps(coordinator)
    reminds(coordinator)
    operator = follows(chromium)
    operates(operator)
    connects(operator, chromium)
    audits(chromium)
    by_keyboard(chromium)
    chromium.close()
