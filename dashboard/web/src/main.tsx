import { render } from "preact";
import "./styles/base.css";

render(<main>Brisk</main>, document.getElementById("app")!);
