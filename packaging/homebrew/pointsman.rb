class Pointsman < Formula
  desc "Terminal console for blue-green deploys, rollbacks and database migrations"
  homepage "https://github.com/pointsman/pointsman"
  url "https://github.com/pointsman/pointsman/archive/refs/tags/v0.1.0.tar.gz"
  version "0.1.0"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/pointsman/pointsman.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    system "packaging/assets", bin/"pointsman", "package"
    man1.install Dir["package/man/*.1"]
    bash_completion.install "package/completions/pointsman.bash" => "pointsman"
    zsh_completion.install "package/completions/_pointsman"
    fish_completion.install "package/completions/pointsman.fish"
    pkgshare.install "themes"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/pointsman --version")
    assert_match "PM0101", shell_output("#{bin}/pointsman status 2>&1", 2)
  end
end
