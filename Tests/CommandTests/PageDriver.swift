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

    static let report = """
        const list = document.createElement('pre');
        list.id = 'findings';
        list.textContent = findings.join('\\n');
        document.body.append(list);
        """

    static let walk = """
        const ids = all('[id]').map(element => element.id);
        claim(new Set(ids).size === ids.length, 'an id is there twice');
        for (const link of all('a[href]')) {
          claim(document.getElementById(link.getAttribute('href').slice(1)), `${link.getAttribute('href')} leads nowhere`);
        }
        claim(all('nav, section, main').every(e => e.matches('main') || e.getAttribute('aria-label')), 'a region has no name');
        claim(all('button').every(e => e.textContent.trim() && e.getAttribute('aria-label')), 'a button has no name');
        const jails = all('.jail');
        for (const jail of jails) {
          const parts = all('.part', jail), output = jail.querySelector('nav.steps output');
          const current = () => parts.findIndex(part => part.getAttribute('aria-current') === 'step');
          const later = () => all('svg .later', jail).length;
          claim(!jail.querySelector('nav.steps').hidden, 'the walk is hidden');
          claim(output.textContent === `${parts.length} parts`, `it says ${output.textContent}`);
          parts[0].focus();
          let before = Infinity;
          for (let i = 0; i < parts.length; i++) {
            press('ArrowRight');
            claim(current() === i, `ArrowRight ${i + 1} is at ${current()}`);
            claim(all('[aria-current=step]', jail).length === 1, `two parts are current at ${i}`);
            claim(document.activeElement === parts[i], `the focus is not at part ${i}`);
            claim(output.textContent === `part ${i + 1} of ${parts.length}`, `at ${i} it says ${output.textContent}`);
            claim(location.hash === '#' + parts[i].id, `the address is ${location.hash}`);
            claim(later() <= before, `the picture shrank at ${i}`);
            const lit = all('.source li.lit', jail);
            claim(lit.every(line => line.dataset.parts.split(' ').includes(String(i))), `a wrong line is lit at ${i}`);
            const asked = all('.source li[data-parts]', jail).filter(l => l.dataset.parts.split(' ').includes(String(i)));
            claim(lit.length === asked.length, `lines of part ${i} are not lit`);
            before = later();
          }
          claim(later() === 0, 'the picture is not whole at the end');
          press('ArrowRight');
          claim(current() === parts.length - 1, 'ArrowRight goes beyond the end');
          press('ArrowLeft');
          claim(current() === parts.length - 2, 'ArrowLeft does not go back');
          press('Home');
          claim(current() === 0, 'Home is not the beginning');
          claim(later() > 0, 'the picture is whole at the beginning');
          press('End');
          claim(current() === parts.length - 1, 'End is not the end');
          for (const line of all('.source li[data-parts]', jail)) {
            line.querySelector('a').click();
            claim(line.dataset.parts.split(' ').includes(String(current())), `${line.id} leads to part ${current()}`);
            claim(line.classList.contains('lit'), `${line.id} is not lit`);
            const wanted = line.dataset.parts.split(' ').length - 1;
            claim(all('.part.lit', jail).length === wanted, `${line.id} does not light its other parts`);
          }
          press('Home');
          const [back, forth] = all('button[data-move]', jail);
          forth.click();
          claim(current() === 1, 'the button does not go on');
          back.click();
          claim(current() === 0, 'the button does not go back');
          parts[2].querySelector('h3').click();
          claim(current() === 2, 'a click on a part does not choose it');
        }
        findings.push(`walked ${jails.length}`);
        """

    /// Contrast as WCAG 2 counts it: 4.5 to 1.
    static let measure = """
        const page = document.documentElement;
        claim(page.scrollWidth <= innerWidth, `the page is ${page.scrollWidth} wide, the window ${innerWidth}`);
        const colour = text => (text.match(/[0-9.]+/g) || []).map(Number);
        const light = ([r, g, b]) => {
          const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const ground = element => {
          for (let e = element; e; e = e.parentElement) {
            const c = colour(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0.99) return c;
          }
          return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
        };
        const texts = all('main *').filter(e => !e.closest('svg') && e.getClientRects().length
          && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
        claim(texts.length > 200, `only ${texts.length} texts`);
        for (const element of texts) {
          const style = getComputedStyle(element), [a, b] = [light(colour(style.color)), light(ground(element))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          claim(ratio >= 4.5, `contrast ${ratio.toFixed(2)} of ${element.tagName} ${element.textContent.slice(0, 20)}`);
          claim(parseFloat(style.fontSize) >= 11, `${element.tagName} is ${style.fontSize} high`);
        }
        findings.push(`measured ${matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'}`);
        """
}
