// Nobody is signed in: where the link is that signs one in.

import { Empty } from "../widgets/empty";

export function SignedOut() {
  return (
    <Empty title="You are not signed in here.">
      <p>
        Open the whole link that the program or <code>brisk scheduler</code> printed as it started. It ends in <code>#</code> and a
        token. A token is good for as long as that scheduler runs.
      </p>
    </Empty>
  );
}
