/// What is typed, clicked and measured in the page, in the browser's language. Each finding is a line.
enum PageDriver {
    /// Before anything of the page.
    static let watch = """
        window.findings = [];
        addEventListener('error', event => findings.push(`error: ${event.message}`));
        addEventListener('securitypolicyviolation', event => findings.push(`blocked: ${event.blockedURI}`));
        for (const level of ['error', 'warn']) {
          console[level] = (...words) => findings.push(`console.${level}: ${words.join(' ')}`);
        }
        """

    static let tools = """
        const all = (selector, of = document) => [...of.querySelectorAll(selector)];
        const claim = (holds, text) => { if (!holds && findings.length < 20) findings.push(text); };
        const press = key => {
          const target = document.activeElement || document.body;
          target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        };

        """

    static let report = "parent.postMessage(findings.join('\\n'), '*');"

    /// The page in a frame: a window without a screen is never narrower than 500 pixels.
    static func frame(_ size: (width: Int, height: Int)) -> String {
        """
        <!doctype html>
        <style>body { margin: 0 } iframe { border: 0; display: block }</style>
        <pre id="findings"></pre>
        <script>
        addEventListener('message', event => { document.getElementById('findings').textContent = event.data; });
        </script>
        <iframe src="page.html" width="\(size.width)" height="\(size.height)"></iframe>
        """
    }

    /// What is typed and clicked, jail by jail.
    static let walk = """
        const ids = all('[id]').map(element => element.id);
        claim(new Set(ids).size === ids.length, 'an id is there twice');
        for (const link of all('a[href]')) {
          claim(document.getElementById(link.getAttribute('href').slice(1)), `${link.getAttribute('href')} leads nowhere`);
        }
        claim(all('nav, section, figure').every(e => e.getAttribute('aria-label')), 'a region has no name');
        claim(all('button').every(e => e.textContent.trim() && e.getAttribute('aria-label')), 'a button has no name');
        claim(all('main').length === 1 && all('h1').length === 1, 'it is not one page');
        claim(all('nav.steps').length === 1 && !document.querySelector('nav.steps').hidden, 'there is not one walk');
        const isShown = element => element.getClientRects().length > 0;
        const output = document.querySelector('nav.steps output');
        // In the order of the file, which is not that of the picture.
        const choices = all('[name=jail]').sort((a, b) => a.id.slice(1) - b.id.slice(1));
        const seen = new Set();
        for (let jail = 0; jail < Math.max(1, choices.length); jail++) {
          const name = choices.length ? choices[jail].parentElement.querySelector('b').textContent : '';
          const say = (holds, text) => claim(holds, `${name} ${text}`);
          if (choices.length) choices[jail].click();
          const parts = all('.parts > li').filter(isShown), lines = all('.source li[data-p]');
          parts.forEach(part => seen.add(part.id));
          const current = () => parts.findIndex(part => part.getAttribute('aria-current') === 'step');
          const later = () => all('svg .later').filter(isShown).length;
          const asks = (line, part) => line.dataset.p.split(' ').includes(part.id.slice(1))
            && (!line.dataset.j || line.dataset.j.split(' ').includes(String(jail)));
          const mine = lines.filter(line => parts.some(part => asks(line, part)));
          say(all('svg').filter(isShown).length === 1, 'has not one picture');
          say(!choices.length || document.querySelector('nav.steps a').textContent === name, 'is not named by the walk');
          // What both jails have stays the current part.
          const kept = current();
          const wanted = kept < 0 ? `${parts.length} parts` : `part ${kept + 1} of ${parts.length}`;
          say(output.textContent === wanted, `says ${output.textContent}`);
          // What all share, if there is something, and what is of this one.
          const told = all('.right > h2').filter(isShown), lists = all('.parts').filter(isShown);
          say(told.length === lists.length && told[told.length - 1].textContent.startsWith(name), 'is not counted');
          lists.forEach((list, at) => {
            const own = all(':scope > li', list).filter(isShown);
            const numbers = own.flatMap(part => {
              let number = 0;
              return all('details li', part).map(step => number = step.value || number + 1);
            });
            const most = Math.max(...numbers);
            say(new Set(numbers).size === most && Math.min(...numbers) === 1, `has not each step up to ${most} once`);
            say(told[at].textContent.endsWith(`: ${most} steps in ${own.length} parts`), `is told as ${told[at].textContent}`);
          });
          parts[0].focus();
          if (kept >= 0) press('Home');
          let before = Infinity;
          for (let i = kept < 0 ? 0 : 1; i < parts.length; i++) {
            press('ArrowRight');
            say(current() === i, `ArrowRight ${i + 1} is at ${current()}`);
            say(all('[aria-current=step]').length === 1, `two parts are current at ${i}`);
            say(document.activeElement === parts[i], `the focus is not at part ${i}`);
            say(output.textContent === `part ${i + 1} of ${parts.length}`, `at ${i} it says ${output.textContent}`);
            // A browser follows no more than 200 changes at a time.
            say(jail > 0 || location.hash === '#' + parts[i].id, `the address is ${location.hash}`);
            say(later() <= before, `the picture shrank at ${i}`);
            const lit = all('.source li.lit');
            say(lit.every(line => asks(line, parts[i])), `a wrong line is lit at ${i}`);
            say(lit.length === lines.filter(line => asks(line, parts[i])).length, `lines of part ${i} are not lit`);
            before = later();
          }
          say(later() === 0, 'is not whole in the picture at the end');
          press('ArrowRight');
          say(current() === parts.length - 1, 'ArrowRight goes beyond the end');
          press('ArrowLeft');
          say(current() === parts.length - 2, 'ArrowLeft does not go back');
          press('Home');
          say(current() === 0, 'Home is not the beginning');
          say(later() > 0, 'the picture is whole at the beginning');
          press('End');
          say(current() === parts.length - 1, 'End is not the end');
          for (const line of mine) {
            line.querySelector('a').click();
            say(current() >= 0 && asks(line, parts[current()]), `${line.id} leads to part ${current()}`);
            say(line.classList.contains('lit'), `${line.id} is not lit`);
            const others = parts.filter(part => asks(line, part)).length - 1;
            say(all('.parts > .lit').length === others, `${line.id} does not light its other parts`);
          }
          press('Home');
          const [back, forth] = all('button[data-move]');
          forth.click();
          say(current() === 1, 'the button does not go on');
          back.click();
          say(current() === 0, 'the button does not go back');
          parts[2].querySelector('h3').click();
          say(current() === 2, 'a click on a part does not choose it');
          const others = lines.filter(line => !mine.includes(line));
          say(others.length < lines.length, 'has no line');
          for (const line of others.slice(0, 1)) {
            line.querySelector('a').click();
            const chosen = choices.findIndex(choice => choice.checked);
            say(line.dataset.j.split(' ').includes(String(chosen)), `${line.id} does not choose its jail`);
            say(all('[aria-current=step]').filter(isShown).length === 1, `${line.id} leads nowhere`);
          }
        }
        claim(seen.size === all('.parts > li').length, 'a part is of no jail');
        findings.push(`walked ${Math.max(1, choices.length)}`);
        """

    /// What a reader has who has no script, or none but the keys.
    static let plain = """
        const isShown = element => element.getClientRects().length > 0;
        claim(document.querySelector('nav.steps').hidden, 'a walk is offered that nobody walks');
        const choices = all('[name=jail]');
        claim(choices.filter(choice => choice.checked).length === 1, 'no jail is chosen');
        let read = 0;
        for (const choice of choices) {
          choice.parentElement.click();
          claim(choice.checked && isShown(choice.parentElement), 'a name does not choose its jail');
          const pictures = all('svg').filter(isShown), name = choice.parentElement.querySelector('b').textContent;
          claim(pictures.length === 1 && pictures[0].getAttribute('aria-label').endsWith(' ' + name), `${name} has no picture`);
          claim(all('svg text').filter(isShown).every(text => getComputedStyle(text).opacity === '1'), 'words are hidden');
          claim(all('.parts > li').filter(isShown).length > 20, `${name} has no parts`);
          const told = all('.right > h2').filter(isShown);
          claim(told.length && told[told.length - 1].textContent.startsWith(name + ':'), `${name} is not named`);
          read += 1;
        }
        for (const line of all('.source li[data-p] a')) {
          location.hash = line.getAttribute('href');
          const part = document.querySelector(line.getAttribute('href'));
          claim(isShown(part) && part.matches(':target'), `${line.textContent} leads to nothing that is seen`);
        }
        for (const summary of all('summary')) {
          summary.click();
          claim(summary.parentElement.open, 'a list of calls does not open');
        }
        findings.push(`read ${read}`);
        """

    /// By keys alone: everything can be reached, in the order of reading, and shows that it was.
    static let keys = """
        const isShown = element => element.getClientRects().length > 0;
        const stops = all('a[href], button, input, summary, [tabindex="0"]').filter(isShown);
        claim(stops.every(element => element.tabIndex === 0), 'an order of its own');
        claim(stops[0].matches('.skip'), 'there is no way past the file');
        for (const element of stops) {
          element.focus();
          const style = getComputedStyle(element);
          claim(document.activeElement === element, `${element.outerHTML.slice(0, 60)} takes no focus`);
          claim(style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1, `${element.outerHTML.slice(0, 60)} shows no focus`);
        }
        stops[0].focus();
        claim(stops[0].getBoundingClientRect().left >= 0, 'the way past the file is not seen');
        const choices = all('[name=jail]');
        choices[0].focus();
        claim(!choices[0].dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }))
          === false, 'the arrows do not choose a jail');
        for (const element of all('summary').filter(isShown)) {
          element.focus();
          press('ArrowRight');
          claim(document.activeElement.matches('.parts > li'), 'the arrows stop at a list of calls');
        }
        findings.push(`typed ${stops.length > 50}`);
        """

    /// Contrast as WCAG 2 counts it, 4.5 to 1; sizes in pixels of the screen; nothing beyond its box, nothing over another.
    static let measure = """
        const page = document.documentElement;
        claim(innerWidth === frameWidth, `the window is ${innerWidth} wide`);
        const isShown = element => element.getClientRects().length > 0;
        const colour = text => (text.match(/[0-9.]+/g) || []).map(Number);
        const light = ([r, g, b]) => {
          const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const isSolid = c => c.length === 3 || c[3] > 0.99;
        const ground = element => {
          for (let e = element; e; e = e.parentElement) {
            const box = e.closest('svg') && [...e.children].find(child => child.matches('rect'));
            const c = colour(box ? getComputedStyle(box).fill : getComputedStyle(e).backgroundColor);
            if (c.length && isSolid(c)) return c;
            if (e.matches('.inside')) return colour(getComputedStyle(e.querySelector('.frame rect')).fill);
          }
          return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
        };
        const words = e => e.textContent.trim().slice(0, 30);
        const check = (element, style, of, place) => {
          const [a, b] = [light(colour(of)), light(ground(element))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          claim(ratio >= 4.5, `contrast ${ratio.toFixed(2)} of ${element.tagName} ${words(element)} ${place}`);
          const scale = element.closest('svg') ? element.getScreenCTM().a : 1;
          claim(parseFloat(style.fontSize) * scale >= 11, `${element.tagName} ${words(element)} is ${style.fontSize} x ${scale}`);
        };
        const legible = place => {
          const texts = all('body *').filter(e => isShown(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
          claim(texts.length > 200, `only ${texts.length} texts`);
          for (const element of texts) {
            if (element.matches('script, style, .skip') || element.closest('.later')) continue;
            const style = getComputedStyle(element);
            check(element, style, element.closest('svg') ? style.fill : style.color, place);
          }
          for (const line of all('.source li')) {
            const style = getComputedStyle(line, '::before');
            check(line, style, style.color, `${place}, its number`);
          }
        };
        const fitting = place => {
          claim(page.scrollWidth <= innerWidth, `the page is ${page.scrollWidth} wide, the window ${innerWidth} ${place}`);
          const figure = document.querySelector('figure');
          claim(figure.scrollWidth <= figure.clientWidth + 1, `the picture is cut off ${place}`);
          for (const text of all('svg text').filter(isShown)) {
            const box = text.parentElement.querySelector('rect').getBoundingClientRect(), own = text.getBoundingClientRect();
            claim(own.right <= box.right + 1 && own.left >= box.left && own.bottom <= box.bottom + 1,
              `${words(text)} is out of its box by ${(own.right - box.right).toFixed()} ${place}`);
            claim(own.right <= innerWidth, `${words(text)} is beyond the window ${place}`);
          }
          const boxes = all('h1, h2, h3, dd, pre, summary, .source li, .map div, .map label, .map span, .map b, .parts p, details li');
          for (const box of boxes.filter(isShown)) {
            const own = box.getBoundingClientRect();
            claim(box.matches('span, b') || box.scrollWidth <= box.clientWidth + 32, `${words(box)} runs out of its box ${place}`);
            claim(own.right <= innerWidth + 1, `${words(box)} is beyond the window ${place}`);
          }
        };
        // What stays while the page moves below it.
        const apart = place => {
          const fixed = all('body *').filter(e => isShown(e) && ['fixed', 'sticky'].includes(getComputedStyle(e).position));
          const outer = fixed.filter(e => !fixed.some(other => other !== e && other.contains(e)));
          for (const [i, a] of outer.entries()) for (const b of outer.slice(i + 1)) {
            const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
            const isApart = p.right <= q.left + 1 || q.right <= p.left + 1 || p.bottom <= q.top + 1 || q.bottom <= p.top + 1;
            claim(isApart, `${a.className || a.tagName} lies on ${b.className || b.tagName} ${place}`);
          }
          for (const button of all('.steps button, .steps a').filter(isShown)) {
            const own = button.getBoundingClientRect();
            const hit = document.elementFromPoint(own.left + own.width / 2, own.top + own.height / 2);
            claim(button.contains(hit), `${button.getAttribute('aria-label')} is hit at ${hit && hit.outerHTML.slice(0, 60)} ${place}`);
          }
        };
        legible('at rest');
        fitting('at rest');
        const choices = all('[name=jail]');
        for (const choice of choices) {
          choice.click();
          fitting('of ' + choice.id);
        }
        if (choices.length) choices[0].click();
        for (const summary of all('summary')) summary.parentElement.open = true;
        fitting('with its calls');
        const walk = all('.parts > li').filter(isShown);
        for (const i of [0, 3, Math.floor(walk.length / 2), walk.length - 1]) {
          walk[i].focus();
          all('.source li[data-p] a')[Math.min(i, all('.source li[data-p] a').length - 1)].click();
          apart('at ' + i);
          legible('at ' + i);
          walk[i].click();
          apart('after ' + i);
          fitting('at ' + i);
        }
        findings.push(`measured ${matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'}`);
        """
}
