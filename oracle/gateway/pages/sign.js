// What an owner signs once for this server. `wallet` is an EIP-1193 provider, `site` the origin;
// the session lives in this page only.

const ACTIONS = {
  submit: "Let this server's key sign your submissions. It moves no money.",
  increase: "Let this server deposit from your wallet, within bounds, into your models' stakes.",
  decrease: "Let this server request releases; they are paid to your models' payout addresses.",
};

export function read(query) {
  const fields = new URLSearchParams(query);
  const tournament = fields.get("tournament") ?? "";
  const action = fields.get("action") ?? "";
  if (!/^[0-9]{1,4}$/.test(tournament) || !Object.hasOwn(ACTIONS, action)) {
    throw new Error("this address is not complete: follow the link from the error again");
  }
  const model = /^[0-9]{1,7}$/.test(fields.get("model") ?? "") ? fields.get("model") : null;
  return { tournament, action, model, about: ACTIONS[action] };
}

class Server {
  constructor(site) {
    this.site = site;
    this.headers = { "Content-Type": "application/json" };
  }

  async ask(method, path, body) {
    const answer = await fetch(this.site + path, {
      method,
      headers: this.headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const found = text ? JSON.parse(text) : null;
    if (!answer.ok) {
      const { message, fix } = found.error;
      throw new Error(fix ? `${message}: ${fix}` : message);
    }
    return found;
  }

  // EIP-4361, signed as text.
  async signIn(wallet, address) {
    const terms = await this.ask("GET", "/v1/sign-in");
    const chain = Number(await wallet.request({ method: "eth_chainId" }));
    if (!terms.chain_ids.includes(chain)) {
      const id = "0x" + terms.chain_ids[0].toString(16);
      await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId: id }] });
    }
    const id = terms.chain_ids.includes(chain) ? chain : terms.chain_ids[0];
    const message =
      `${terms.domain} wants you to sign in with your Ethereum account:\n${address}\n\n` +
      `Sign in to the tournament.\n\nURI: ${terms.uri}\nVersion: 1\nChain ID: ${id}\n` +
      `Nonce: ${terms.nonce}\nIssued At: ${new Date().toISOString()}`;
    const bytes = new TextEncoder().encode(message);
    const hex = "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const signature = await wallet.request({ method: "personal_sign", params: [hex, address] });
    const { session } = await this.ask("POST", "/v1/sign-in", { message, signature });
    this.headers.Authorization = `Bearer ${session}`;
  }
}

// Returns what was done, in words. `bounds`: deposit in NMR, days.
export async function sign({ tournament, action, model }, bounds, wallet, site, say) {
  const [given] = await wallet.request({ method: "eth_requestAccounts" });
  const address = await checksummed(site, given);
  const server = new Server(site);
  say("Sign in: your wallet asks you.");
  await server.signIn(wallet, address);
  const ask = (data) =>
    wallet.request({ method: "eth_signTypedData_v4", params: [address, JSON.stringify(data)] });
  const base = `/v1/tournaments/${tournament}`;
  try {
    if (action === "submit") {
      const { wanted, typed_data } = await server.ask("GET", `${base}/submission-key`);
      say(`Sign SubmissionKey for rounds ${wanted.first_round} to ${wanted.last_round}.`);
      const signature = (await ask(typed_data)).toLowerCase();
      const { first_round, last_round } = wanted;
      await server.ask("PUT", `${base}/submission-key`, { first_round, last_round, signature });
      return `Done: this server may sign submissions of rounds ${first_round} to ${last_round}.`;
    }
    const most = action === "increase" ? bounds.deposit : "0";
    const fields = new URLSearchParams({ max_deposit: most, days: bounds.days });
    if (model !== null) fields.set("model", model);
    const found = await server.ask("GET", `${base}/mandate-to-sign?${fields}`);
    say("Sign StakeMandate.");
    const signature = (await ask(found.typed_data)).toLowerCase();
    await server.ask("PUT", `${base}/mandates`, { ...found.unsigned, signature });
    for (const call of found.approve) {
      say("Let the pool take what may be deposited: your wallet sends a transaction.");
      const fields = { from: address, to: call.to, data: call.data, value: "0x0" };
      const hash = await wallet.request({ method: "eth_sendTransaction", params: [fields] });
      await mined(wallet, hash);
    }
    return `Done: it holds for ${bounds.days} days, and you may revoke it at any time.`;
  } finally {
    await server.ask("DELETE", "/v1/sign-in").catch(() => undefined);
  }
}

// Messages to sign in need the address with its checksum, which some wallets leave out.
async function checksummed(site, address) {
  if (address !== address.toLowerCase()) return address;
  const answer = await fetch(`${site}/sign/address/${address}`);
  return (await answer.json()).address;
}

async function mined(wallet, hash) {
  for (;;) {
    const receipt = await wallet.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt) {
      if (Number(receipt.status) !== 1) throw new Error(`transaction ${hash} reverted`);
      return;
    }
    await new Promise((wake) => setTimeout(wake, 500));
  }
}
