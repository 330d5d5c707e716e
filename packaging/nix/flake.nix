# nix run 'github:pointsman/pointsman?dir=packaging/nix'
{
  description = "Terminal console for blue-green deploys, rollbacks and database migrations";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs = { self, nixpkgs }:
    let
      source = ../..;
      manifest = (nixpkgs.lib.importTOML "${source}/Cargo.toml").workspace.package;
      systems = [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "pointsman";
          version = manifest.version;
          src = source;
          cargoLock.lockFile = "${source}/Cargo.lock";
          nativeBuildInputs = [ pkgs.installShellFiles ];
          POINTSMAN_COMMIT = self.shortRev or "";
          # The suite starts terminals, browsers' peers and Google's emulator, which a build sandbox has not.
          doCheck = false;
          postInstall = ''
            packaging/assets $out/bin/pointsman package
            installManPage package/man/*.1
            installShellCompletion --bash --name pointsman package/completions/pointsman.bash
            installShellCompletion --zsh package/completions/_pointsman
            installShellCompletion --fish package/completions/pointsman.fish
          '';
          meta.mainProgram = "pointsman";
        };
      });
    };
}
