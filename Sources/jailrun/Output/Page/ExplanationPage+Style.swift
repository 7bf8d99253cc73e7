extension ExplanationPage {
    /// Light and dark by the reader's own choice; one column on a phone, two on a desk, three on a wall. `Picture.style` has the
    /// colours of both.
    static let style = """
        :root { --lit: #fff1c2; --now: #e3effc; }
        @media (prefers-color-scheme: dark) { :root { --lit: #453a12; --now: #17324d; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
        code, pre, .parts details li, .bar, .map label span, .ports { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; }
        h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 0 0 .4rem; font-size: 1rem; color: var(--soft); }
        h3 { margin: .1rem 0 .4rem; font-size: 1rem; } header p { margin: .2rem 0 .8rem; color: var(--soft); }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        .skip { position: absolute; left: -99rem; } .skip:focus { position: static; display: block; padding: .6rem; }
        main { padding: 1rem; max-width: 100rem; margin: 0 auto; }
        ul, ol { list-style: none; margin: 0; padding: 0; }

        .map { margin: 0 0 1.2rem; padding: .7rem 1rem .5rem; border: 1px solid var(--line); border-radius: 9px; background: var(--host); }
        .bar { margin: 0; padding: .25rem .7rem; border-radius: 5px; background: var(--accent); color: var(--paper); }
        .bar span { margin-left: .8em; }
        .jails { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); margin-bottom: .5rem; }
        .jails > li { position: relative; padding: .45rem 1.4rem .45rem 0; } .bridged > li { padding-left: 1.4rem; }
        .bridged > li::before { content: ""; position: absolute; left: .35rem; top: 0; bottom: 0; border-left: 3px solid var(--accent); }
        .on > div::before { content: ""; position: absolute; right: 100%; top: 1.05rem; border-top: 3px solid var(--accent);
          width: calc(1.05rem + var(--d, 0) * (.7rem + 1px)); }
        .map li > div { position: relative; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: 6px;
          background: var(--jail); }
        .map li > div:has(> label > :checked) { background: var(--card); box-shadow: inset 0 0 0 2px var(--accent); }
        .map .inside > li { margin-top: .5rem; }
        .map label { display: block; cursor: pointer; } .map p { margin: 0; } .map input { margin: 0 .45rem 0 0; accent-color: var(--accent); }
        .map label span { display: inline-block; margin-left: .5em; color: var(--soft); } .map p:not(.bar) span { color: var(--soft); }
        .ports li { display: flex; align-items: center; gap: .35rem; margin: .35rem -1.7rem 0 0; }
        .ports i { font-style: normal; } .ports s { flex: 1 1 1.5rem; min-width: 1.5rem; height: 2px; background: var(--port); position: relative; }
        .ports s::before { content: ""; position: absolute; left: 0; top: -4px; border: 5px solid transparent; border-right-color: var(--port);
          border-left: 0; }
        .ports b { max-width: 75%; padding: 0 .45rem; border: 2px solid var(--port); border-radius: 9px; background: var(--card); }

        .source { margin-bottom: 1rem; }
        .source ol { counter-reset: line; padding: .5rem .6rem .5rem 0; border: 1px solid var(--line); border-radius: 6px;
          background: var(--card); overflow: auto; max-height: 15rem; position: relative; }
        .source li { counter-increment: line; padding-left: 3.2rem; white-space: pre-wrap; min-height: 1.7em; position: relative;
          font-size: 13px; line-height: 1.7; }
        .source li::before { content: counter(line); position: absolute; left: 0; width: 2.4rem; text-align: right; color: var(--soft); }
        .source a { color: inherit; text-decoration: underline dotted var(--soft) 1px; text-underline-offset: 4px; }
        .source a:hover { text-decoration: underline solid var(--accent) 2px; }
        .source .lit, .source :target { background: var(--lit); box-shadow: inset 3px 0 #d9a400; }

        figure { margin: 0; overflow: auto; } figure svg { margin: 0 auto; }
        svg [data-p] { transition: opacity .25s; } svg .later { opacity: 0; }
        svg text.now, svg .now > text { fill: var(--accent); font-weight: bold; }
        svg .now > rect { stroke: var(--accent); stroke-width: 2; } svg path.now { stroke: var(--accent); stroke-dasharray: none; }

        .parts > li { padding: .7rem .9rem; margin: 0 0 .6rem; border: 1px solid var(--line); border-left: 4px solid var(--line);
          border-radius: 6px; background: var(--card); scroll-margin: 5rem; }
        .parts > .lit { border-left-color: #d9a400; }
        .parts > [aria-current], main:not(.walking) .parts > :target { border-left-color: var(--accent); background: var(--now); }
        .parts p { margin: 0; color: var(--soft); font-size: .85rem; display: flex; justify-content: space-between; gap: 1rem; }
        dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem .8rem; margin: 0; font-size: .93rem; }
        dt { color: var(--soft); } dd { margin: 0; }
        pre { margin: 0; white-space: pre-wrap; }
        details { margin-top: .5rem; font-size: .9rem; } summary { color: var(--soft); cursor: pointer; }
        details ol { list-style: decimal; margin: .3rem 0 0; padding-left: 3rem; } details .bare { list-style: none; padding-left: 1rem; }
        .steps { position: sticky; bottom: .6rem; margin-left: auto; width: max-content; max-width: 100%; display: flex; gap: .5rem;
          align-items: center; padding: .35rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card);
          box-shadow: 0 2px 8px #0003; }
        .steps[hidden] { display: none; } .steps a { padding: 0 .5rem; font-weight: bold; max-width: 16rem; }
        .steps output { min-width: 7rem; text-align: center; font-size: .9rem; }
        .steps button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 5px; min-width: 2.75rem; min-height: 2.75rem; cursor: pointer; }
        kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .35rem; }

        @media (max-width: 80rem) {
          svg { width: var(--w); height: var(--h); } svg .wires { display: none; }
          svg .inside { transform: translate(var(--x), var(--y)); }
        }
        @media (max-width: 60rem) {
          main { padding: .6rem; display: flex; flex-direction: column; } .left { display: contents; } .source ol { max-height: none; }
          .source li { padding-left: 2.4rem; } .source li::before { width: 1.8rem; } figure { margin-bottom: 1rem; background: var(--paper); }
          .walking figure { position: sticky; top: 0; z-index: 1; max-height: 40vh; border-bottom: 1px solid var(--line); }
          .walking .parts > li { scroll-margin-top: 42vh; } .map { padding: .6rem; }
        }
        @media (min-width: 60rem) {
          main { display: grid; grid-template-columns: 22rem minmax(0, 1fr); gap: 0 1.5rem; } header, .map { grid-column: 1 / -1; }
          .left { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: .5rem 0; }
        }
        @media (min-width: 80rem) { main { grid-template-columns: 45rem minmax(0, 1fr); } }
        @media (min-width: 125rem) {
          main { max-width: 170rem; grid-template-columns: minmax(0, 1fr) 52rem minmax(0, 1.2fr); font-size: 17px; } .left { display: contents; }
          .sources, figure { position: sticky; top: .5rem; align-self: start; max-height: calc(100vh - 1rem); overflow: auto; }
          .source ol { max-height: none; } svg { zoom: 1.2; }
        }
        @media (prefers-reduced-motion: reduce) { svg [data-p] { transition: none; } }
        @media print { .steps { display: none; } .source ol { max-height: none; } .left, .sources, figure { position: static; max-height: none; } }
        """
}
