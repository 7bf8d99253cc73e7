extension ExplanationPage {
    /// The walk: a part is the current one, its lines are lit, and the picture shows what has been made so far.
    static let script = """
        'use strict';
        {
          const all = (selector, of = document) => [...of.querySelectorAll(selector)];
          const main = document.querySelector('main'), nav = document.querySelector('.steps');
          const output = nav.querySelector('output'), link = nav.querySelector('a');
          const parts = all('.parts > li'), lines = all('.source li[data-p]'), marks = all('svg [data-p]');
          // The picture has them in another order.
          const radios = all('[name=jail]').sort((a, b) => a.id.slice(1) - b.id.slice(1));
          const numbers = text => text.split(' ').map(Number);
          const jailsOf = part => [...part.classList].filter(name => /^j[0-9]/.test(name)).map(name => Number(name.slice(1)));
          const has = (part, jail) => !part.classList.contains('of') || part.classList.contains('j' + jail);
          const isOf = line => !line.dataset.j || numbers(line.dataset.j).includes(jail);
          const shown = () => parts.filter(part => has(part, jail));
          let jail = Math.max(0, radios.findIndex(radio => radio.checked)), current = null;

          // Steps have numbers in each jail; what is said once has them all.
          function number() {
            for (const span of all('[data-n]')) {
              const part = span.closest('li'), members = jailsOf(part);
              const ranges = span.dataset.n.split(';')[members.length ? members.indexOf(jail) : jail];
              if (!ranges) continue;
              const steps = ranges.split(', ').flatMap(range => {
                const [first, last = first] = range.split('-').map(Number);
                return Array.from({ length: last - first + 1 }, (_, i) => first + i);
              });
              span.textContent = (steps.length === 1 ? 'step ' : 'steps ') + ranges;
              const list = part.querySelector('details ol');
              list.classList.remove('bare');
              [...list.children].forEach((item, i) => { item.value = steps[i]; });
            }
          }

          function reveal(element, box) {
            if (!element || !box) return;
            const a = element.getBoundingClientRect(), b = box.getBoundingClientRect();
            if (a.top < b.top || a.bottom > b.bottom) box.scrollTop += a.top - b.top - b.height / 3;
          }

          function draw(lit = []) {
            const index = parts.indexOf(current), walk = shown();
            main.classList.toggle('walking', index >= 0);
            for (const part of parts) {
              if (part === current) part.setAttribute('aria-current', 'step'); else part.removeAttribute('aria-current');
              part.classList.toggle('lit', lit.includes(part) && part !== current);
            }
            for (const line of lines) line.classList.toggle('lit', isOf(line) && numbers(line.dataset.p).includes(index));
            for (const mark of marks) {
              mark.classList.toggle('later', index >= 0 && Number(mark.dataset.p) > index);
              mark.classList.toggle('now', Number(mark.dataset.p) === index);
            }
            const line = lines.find(line => line.classList.contains('lit'));
            reveal(line, line && line.parentElement);
            const mark = marks.find(mark => mark.classList.contains('now') && mark.getClientRects().length);
            for (const box of all('figure, .left')) reveal(mark, box);
            output.textContent = current ? `part ${walk.indexOf(current) + 1} of ${walk.length}` : `${walk.length} parts`;
            if (link) link.textContent = radios[jail].parentElement.querySelector('b').textContent;
          }

          function choose(index) {
            jail = index;
            if (radios.length) radios[index].checked = true;
            if (current && !has(current, jail)) current = null;
            number();
            draw();
          }

          function go(part, lit) {
            if (!part) return;
            if (!has(part, jail)) choose(jailsOf(part)[0]);
            current = part;
            draw(lit);
            history.replaceState(null, '', '#' + part.id);
            part.focus({ preventScroll: true });
            part.scrollIntoView({ block: innerWidth < 960 ? 'start' : 'center' });
          }

          const move = step => {
            const walk = shown();
            go(walk[current ? walk.indexOf(current) + step : step > 0 ? 0 : -1]);
          };
          for (const button of all('button[data-move]')) button.addEventListener('click', () => move(Number(button.dataset.move)));
          radios.forEach((radio, index) => radio.addEventListener('change', () => choose(index)));
          for (const line of lines)
            line.querySelector('a').addEventListener('click', event => {
              event.preventDefault();
              if (!isOf(line)) choose(numbers(line.dataset.j)[0]);
              const asked = numbers(line.dataset.p).map(index => parts[index]).filter(part => has(part, jail));
              go(asked[(asked.indexOf(current) + 1) % asked.length], asked);
            });
          for (const part of parts) {
            part.tabIndex = -1;
            part.addEventListener('click', event => {
              if (event.target.closest('a, summary, button') || String(getSelection())) return;
              current = part;
              draw();
            });
          }
          document.addEventListener('keydown', event => {
            if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest('input')) return;
            const inParts = document.activeElement.matches('.parts > li');
            const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inParts ? 1 : 0, ArrowUp: inParts ? -1 : 0 }[event.key];
            const walk = shown();
            const ends = { Home: walk[0], End: walk[walk.length - 1] }[event.key];
            if (!step && !ends) return;
            event.preventDefault();
            if (ends) go(ends); else move(step);
          });
          const follow = () => go(parts.find(part => '#' + part.id === location.hash));
          addEventListener('hashchange', follow);
          nav.hidden = false;
          choose(jail);
          follow();
        }
        """
}
