extension ExplanationPage {
    /// The walk: a part is the current one, its lines are lit, and the picture shows what has been made so far.
    static let script = """
        'use strict';
        for (const jail of document.querySelectorAll('.jail')) {
          const parts = [...jail.querySelectorAll('.part')];
          const lines = [...jail.querySelectorAll('.source li[data-parts]')];
          const marks = [...jail.querySelectorAll('svg [data-part]')];
          const output = jail.querySelector('nav.steps output');
          const partsOf = line => line.dataset.parts.split(' ').map(Number);
          let current = -1;

          function show(index, lit) {
            current = index;
            jail.classList.add('walking');
            parts.forEach((part, i) => {
              if (i === index) part.setAttribute('aria-current', 'step'); else part.removeAttribute('aria-current');
              part.classList.toggle('lit', lit.includes(i) && i !== index);
            });
            lines.forEach(line => line.classList.toggle('lit', partsOf(line).includes(index)));
            marks.forEach(mark => {
              mark.classList.toggle('later', Number(mark.dataset.part) > index);
              mark.classList.toggle('now', Number(mark.dataset.part) === index);
            });
            const line = lines.find(line => line.classList.contains('lit'));
            if (line) line.parentElement.scrollTop = line.offsetTop - line.parentElement.offsetTop - 40;
            output.textContent = `part ${index + 1} of ${parts.length}`;
          }

          function go(index, lit = []) {
            if (index < 0 || index >= parts.length) return;
            show(index, lit);
            history.replaceState(null, '', '#' + parts[index].id);
            parts[index].focus({ preventScroll: true });
            parts[index].scrollIntoView({ block: 'center' });
          }

          jail.querySelector('nav.steps').hidden = false;
          for (const button of jail.querySelectorAll('button[data-move]'))
            button.addEventListener('click', () => go(current + Number(button.dataset.move)));
          for (const line of lines)
            line.querySelector('a').addEventListener('click', event => {
              event.preventDefault();
              const all = partsOf(line);
              const at = all.indexOf(current);
              go(all[(at + 1) % all.length], all);
            });
          parts.forEach((part, index) => part.addEventListener('click', event => {
            if (!event.target.closest('a, summary, pre, button') && !String(getSelection())) show(index, []);
          }));
          document.addEventListener('keydown', event => {
            if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
            const chosen = document.activeElement.closest('.jail') || document.querySelector('.jail.walking, .jail');
            if (chosen !== jail || event.target.closest('pre, .source ol')) return;
            const inParts = document.activeElement.classList.contains('part');
            const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inParts ? 1 : 0, ArrowUp: inParts ? -1 : 0 }[event.key];
            const index = event.key === 'Home' ? 0 : event.key === 'End' ? parts.length - 1 : move ? current + move : -1;
            if (index < 0 || index >= parts.length) return;
            event.preventDefault();
            go(index);
          });
          output.textContent = `${parts.length} parts`;
          const named = () => parts.findIndex(part => '#' + part.id === location.hash);
          addEventListener('hashchange', () => { if (named() >= 0) go(named()); });
          if (named() >= 0) go(named());
        }
        """
}
