// Starts the page.

import { render } from "preact";
import { connection, start } from "./app";
import { sleepWhileHidden } from "./data/hidden";
import { Shell } from "./shell";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/pages.css";

render(<Shell />, document.getElementById("app")!);
void start();
sleepWhileHidden(document, connection);
