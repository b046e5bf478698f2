class Latchstring < Formula
  desc "Logs a command line in, and hands out fresh access tokens"
  homepage "@HOME@"
  url "@URL@/latchstring-cli-@VERSION@.crate"
  sha256 "@SHA256:latchstring-cli-@VERSION@.crate@"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"latch", "completions")
    system bin/"latch", "manual", "man"
    man1.install Dir["man/*.1"]
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/latch --version")
  end
end
