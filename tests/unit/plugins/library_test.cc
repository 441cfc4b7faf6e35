#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/plugins/declaration.hpp"
#include "core/plugins/elf.hpp"
#include "core/plugins/library.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  Scratch() {
    auto pattern = (fs::temp_directory_path() / "keelson-test-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(directory); }
  plugins::Refusal refusal(const std::string& file, bool permissions = false) const {
    auto loaded = plugins::load_library(file, {directory, permissions});
    const auto* refused = std::get_if<plugins::Refusal>(&loaded);
    REQUIRE(refused != nullptr);
    return *refused;
  }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(directory + "/" + name, std::ios::binary) << content;
    return directory + "/" + name;
  }
  std::string directory;
};

std::string broken(const std::string& name) { return std::string(KEELSON_TEST_PLUGINS) + "/" + name + ".so"; }

std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a library without the entry symbol is refused before it is opened") {
  const Scratch scratch;
  const auto refused = scratch.refusal(broken("no_entry"));
  CHECK(refused.reason == "NoEntrySymbol");
  CHECK(refused.message == "no_entry.so exports no keelson_plugin_entry_v1");
}

TEST_CASE("a plugin for another ABI is refused with both versions") {
  const Scratch scratch;
  const auto major = scratch.refusal(broken("wrong_abi"));
  CHECK(major.reason == "ABIMismatch");
  CHECK(major.message == "wrong_abi.so needs ABI 2, this core has " + plugins::core_abi());
  const auto minor = scratch.refusal(broken("newer_minor"));
  CHECK(minor.reason == "ABIMismatch");
  CHECK(minor.message == "newer_minor.so needs ABI 1.5, this core has " + plugins::core_abi());
  const auto noted = scratch.refusal(broken("newer_note"));
  CHECK(noted.reason == "ABIMismatch");
  CHECK(noted.message == "newer_note.so needs ABI 1.5, this core has " + plugins::core_abi());
}

TEST_CASE("a library for another machine is refused with both machines") {
  const Scratch scratch;
  auto content = content_of(broken("no_entry"));
  const auto machine = [&](unsigned char number) {
    content[18] = static_cast<char>(number);   // e_machine
    return scratch.refusal(scratch.write("foreign.so", content));
  };
  CHECK(machine(243).reason == "WrongArchitecture");
  CHECK(machine(243).message == "foreign.so is made for riscv, this machine is " + plugins::this_machine());
  CHECK(machine(3).message == "foreign.so is made for i386, this machine is " + plugins::this_machine());
}

TEST_CASE("tables that do not hold what they promise are refused") {
  const Scratch scratch;
  CHECK(scratch.refusal(broken("no_table")).message == "no_table.so: keelson_plugin_entry_v1 answered no table");
  CHECK(scratch.refusal(broken("empty_entries")).message == "empty_entries.so: its table has empty entries");
  CHECK(scratch.refusal(broken("short_table")).message.starts_with("short_table.so has a table of 32 bytes, this core needs "));
  CHECK(scratch.refusal(broken("other_note")).message == "other_note.so: its note says somebody-else 9.9.9, its table other-note 0.0.1");
  const auto missing = scratch.refusal(broken("missing_symbol"));
  CHECK(missing.reason == "LoadFailed");
  CHECK(missing.message.find("nobody_has_this") != std::string::npos);
}

TEST_CASE("the note of a plugin is read without running it") {
  const auto facts = plugins::read_elf(content_of(broken("probe1")));
  REQUIRE(facts.has_value());
  REQUIRE(facts->note);
  CHECK(facts->note->abi_major == KEELSON_ABI_MAJOR);
  CHECK(facts->note->abi_minor == KEELSON_ABI_MINOR);
  CHECK(facts->note->text("name") == "probe");
  CHECK(facts->note->text("version") == "1.0.0");
  CHECK(facts->note->text("compiler") == "GCC " __VERSION__);
  CHECK(std::find(facts->libraries.begin(), facts->libraries.end(), "libc.so.6") != facts->libraries.end());
}

TEST_CASE("what is no library is refused, whatever is in it") {
  const Scratch scratch;
  CHECK(scratch.refusal(scratch.write("text.so", "hello")).message == "text.so: it is no ELF file");
  CHECK(scratch.refusal(scratch.write("empty.so", "")).message == "empty.so: it is no ELF file");
  CHECK(scratch.refusal(scratch.directory + "/absent.so").reason == "NotALibrary");
}

TEST_CASE("a library cut off or overwritten anywhere is never read beyond its end") {
  const auto whole = content_of(broken("no_entry"));
  REQUIRE(plugins::exported_symbols(whole).has_value());
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); length += 61)
    if (!plugins::exported_symbols(whole.substr(0, length))) ++refused;
  CHECK(refused > 0);
  for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 4096); at += 3) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    (void)plugins::exported_symbols(damaged);
  }
}

TEST_CASE("a declaration is read whole or refused with what is wrong in it") {
  const auto read = plugins::parse_declaration(R"({"controllers":[{"name":"web","kind":{"group":"apps","version":"v1","resource":"deployments","kind":"Deployment"},
    "workers":9999,"sources":[{"kind":{"version":"v1","resource":"pods"},"via":"owner","predicate":true}]}],"observers":[{"kind":null}],"check":true})");
  REQUIRE(read.has_value());
  CHECK(read->controllers.at(0).resource.text() == "deployments.apps");
  CHECK(read->controllers[0].workers == plugins::kWorkersMax);
  CHECK(read->controllers[0].sources.at(0).via == plugins::SourceDeclaration::Via::owner);
  CHECK(read->observers.at(0).all);
  CHECK(read->check);
  for (const auto* wrong : {"", "[]", "{\"controllers\":7}", R"({"controllers":[{"workers":3}]})", R"({"routes":[{"subresource":"log"}]})"}) CHECK(plugins::parse_declaration(wrong).has_error());
}
