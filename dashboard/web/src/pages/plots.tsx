// The plots that programs feed: all of them small, and each on a page of its own.

import { useEffect, useRef, useState } from "preact/hooks";
import { model, useModel } from "../app";
import { ApiError, getJson } from "../data/api";
import type { Plot } from "../data/pages";
import type { PlotInfo } from "../feed";
import { count, plural } from "../format";
import { href } from "../router";
import { Empty } from "../widgets/empty";
import { Picture } from "../widgets/picture";

/** A plot is fetched again when it has changed, but not more often than this, in milliseconds. */
const OFTEN = 400;
const SMALL_OFTEN = 2000;

export function PlotsPage() {
  useModel(500);
  const plots = [...model.plots.values()].sort((a, b) => a.name.localeCompare(b.name));
  if (plots.length === 0) {
    return (
      <Empty title="There are no plots.">
        <p>A program makes one with <code>client.plot("search")</code>, and what it adds is drawn here as it comes.</p>
      </Empty>
    );
  }
  return (
    <>
      <div class="page-head"><h1>Plots</h1><span class="muted">{plural(plots.length, "plot")}</span></div>
      <ul class="plots">
        {plots.map((info) => (
          <li key={info.name} class="panel"><Small info={info} /></li>
        ))}
      </ul>
    </>
  );
}

export function PlotPage({ name }: { name: string }) {
  useModel(250);
  const info = model.plots.get(name);
  const { plot, error } = usePlot(name, info?.revision, OFTEN);
  if (!plot) {
    if (error?.status === 404 || (!info && model.isFilled && error)) {
      return <Empty title="There is no such plot." text={error.message}><p><a href="#/plots">All plots</a></p></Empty>;
    }
    return <Empty title={error ? "The plot can't be shown." : "Asking for the plot…"} text={error?.message ?? ""} />;
  }
  return (
    <>
      <div class="page-head">
        <h1>{plot.info.title || name}</h1>
        <span class="muted">
          {plural(plot.info.points, "point")}
          {plot.info.left_out > 0 && `, ${count(plot.info.left_out)} older ones left out`}
          {!info && model.isFilled && "; its program has gone"}
        </span>
        <a href="#/plots">All plots</a>
      </div>
      {error && <p class="note erred" role="status">{error.message}</p>}
      <section class="panel panel-plot"><Picture plot={plot} height={Math.max(260, Math.min(680, window.innerHeight - 230))} /></section>
    </>
  );
}

function Small({ info }: { info: PlotInfo }) {
  const { plot, error } = usePlot(info.name, info.revision, SMALL_OFTEN);
  return (
    <>
      <h2><a href={href({ page: "plot", name: info.name })}>{info.title || info.name}</a> <span class="muted count">{plural(info.points, "point")}</span></h2>
      {plot ? <Picture plot={plot} height={220} isCompact /> : <p class="muted note">{error?.message ?? "Asking…"}</p>}
    </>
  );
}

/** The plot, asked for again after its revision changed. One request at a time: a slow answer is waited for. */
function usePlot(name: string, revision: number | undefined, often: number): { plot: Plot | null; error: ApiError | null } {
  const [state, setState] = useState<{ plot: Plot | null; error: ApiError | null }>({ plot: null, error: null });
  const wanted = useRef(revision);
  wanted.current = revision;
  useEffect(() => {
    const stop = new AbortController();
    let isBusy = false;
    let shown: number | undefined | null = null;
    const look = async () => {
      if (isBusy || document.hidden || shown === wanted.current) return;
      isBusy = true;
      const asked = wanted.current;
      try {
        const plot = await getJson<Plot>(`/api/plots/${encodeURIComponent(name)}`, stop.signal);
        shown = asked;
        setState({ plot, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        const explained = error instanceof ApiError ? error : new ApiError(0, String(error));
        setState((last) => ({ plot: last.plot, error: explained }));
      }
      isBusy = false;
    };
    void look();
    const timer = setInterval(look, often);
    return () => (clearInterval(timer), stop.abort());
  }, [name, often]);
  return state;
}
