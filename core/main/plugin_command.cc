#include "core/main/plugin_command.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "core/main/plugin_project.hpp"
#include "core/main/plugin_wiring.hpp"
#include "core/plugins/declare.hpp"
#include "core/plugins/verify.hpp"

namespace keelson::server {
namespace {

namespace fs = std::filesystem;

struct PluginFlags {
  std::string file, format, name, directory, host;
  std::vector<std::string> keys, directories = default_plugin_dirs();
};

int complain(const base::Error& error) {
  std::cerr << "keelson: " << error.message << "\n";
  return 1;
}

base::Outcome<void> add_key(const std::string& name, const std::string& text, std::vector<plugins::TrustedKey>& keys) {
  const auto key = plugins::parse_trusted_key(text);
  if (!key) return base::bad_request("plugin-keys: " + name + " is no public key as minisign makes them");
  keys.push_back(*key);
  return {};
}

base::Outcome<void> add_key_file(const fs::path& file, std::vector<plugins::TrustedKey>& keys) {
  std::ifstream in(file);
  return add_key(file.string(), {std::istreambuf_iterator<char>(in), {}}, keys);
}

base::Outcome<void> add_keys(const std::string& from, std::vector<plugins::TrustedKey>& keys) {
  std::error_code failed;
  if (!fs::exists(from, failed)) return add_key(from, from, keys);
  if (!fs::is_directory(from, failed)) return add_key_file(from, keys);
  for (const auto& entry : fs::directory_iterator(from, failed))
    if (entry.path().extension() == ".pub")
      if (auto added = add_key_file(entry.path(), keys); !added) return added;
  if (failed) return base::bad_request("plugin-keys: " + from + ": " + failed.message());
  return {};
}

int verify(const PluginFlags& flags) {
  const auto keys = trusted_keys(flags.keys);
  if (!keys) return complain(keys.error());
  std::error_code failed;
  const auto report = plugins::verify_plugin(flags.file, {fs::read_symlink("/proc/self/exe", failed).string(), *keys, bundled_plugins(), flags.directories, flags.host});
  if (flags.format == "json") std::cout << boost::json::serialize(report) << "\n";
  else std::cout << plugins::verify_text(report);
  const auto& verdict = report.at("verdict");
  constexpr int kLoads = 0, kRefused = 1, kCannotBeTold = 2;
  return verdict.at("loads").as_bool() ? kLoads : verdict.at("reason") == plugins::kUnknown ? kCannotBeTold : kRefused;
}

int make_project(const PluginFlags& flags) {
  const auto directory = flags.directory.empty() ? flags.name : flags.directory;
  const auto made = write_plugin_project(flags.name, directory);
  if (!made) return complain(made.error());
  for (const auto& file : *made) std::cout << directory << "/" << file << "\n";
  std::cout << "\nNext:\n  cd " << directory << "\n  cmake -B build && cmake --build build && ctest --test-dir build\n";
  return 0;
}

}  // namespace

base::Outcome<std::vector<plugins::TrustedKey>> trusted_keys(const std::vector<std::string>& from) {
  std::vector<plugins::TrustedKey> keys;
  std::error_code failed;
  if (from.empty() && !fs::exists(kTrustedKeysDir, failed)) return keys;
  for (const auto& source : from.empty() ? std::vector<std::string>{kTrustedKeysDir} : from)
    if (auto added = add_keys(source, keys); !added) return added.error();
  return keys;
}

std::vector<std::string> default_plugin_dirs(const std::string& data_dir) {
  std::error_code failed;
  const auto beside = (fs::read_symlink("/proc/self/exe", failed).parent_path().parent_path() / "lib/keelson/plugins").string();
  std::vector<std::string> all{beside};
  for (auto& other : {std::string("/usr/local/lib/keelson/plugins"), data_dir + "/plugins"})
    if (other != beside) all.push_back(other);
  return all;
}

std::function<int()> add_plugin_command(CLI::App& app) {
  const auto flags = std::make_shared<PluginFlags>();   // shared by the options that fill it and the function that reads it
  auto* const plugin = app.add_subcommand("plugin", "make a plugin, or look at one");
  plugin->require_subcommand(1);
  auto* const fresh = plugin->add_subcommand("new", "write a project: a kind, its controller, a test");
  fresh->add_option("name", flags->name, "the plugin's name, a DNS label")->required();
  fresh->add_option("directory", flags->directory, "where to (default: ./NAME)");
  auto* const check = plugin->add_subcommand("verify", "say what a file would do, without loading it into a server");
  check->add_option("file", flags->file, "the plugin, a .so")->required();
  check->add_option("-o,--output", flags->format, "json, or plain text");
  check->add_option("--plugin-keys", flags->keys, "minisign public keys, or files or folders of them")->delimiter(',');
  check->add_option("--plugin-dir", flags->directories, "folders of plugins, to find namesakes")->delimiter(',');
  check->add_option("--host", flags->host, "as if spec.host of its Plugin object said so")->check(CLI::IsMember({"Core", "Process"}));
  auto* const declare = plugin->add_subcommand("declare", "for verify: run as its child")->group("");
  declare->add_option("file", flags->file)->required();
  return [=] {
    if (*declare) return plugins::declare_main(flags->file);
    return *check ? verify(*flags) : make_project(*flags);
  };
}

}  // namespace keelson::server
