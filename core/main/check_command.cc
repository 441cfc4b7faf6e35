#include "core/main/check_command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "core/main/check_list.hpp"
#include "core/main/running_note.hpp"

namespace keelson::server {
namespace {

constexpr int kCannotAsk = 2;

const char* word_of(Finding::Result result) {
  switch (result) {
    case Finding::Result::holds: return "ok";
    case Finding::Result::fails: return "NO";
    case Finding::Result::upstream: return "upstream";
    case Finding::Result::not_here: return "n/a";
  }
  return "";
}

std::string padded(std::string text, std::size_t to) {
  text.append(text.size() < to ? to - text.size() : 0, ' ');
  return text;
}

int run_checks(Probe& probe) {
  std::vector<Check> all = file_checks();
  all.insert(all.end(), server_checks().begin(), server_checks().end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  std::size_t failed = 0;
  for (const auto& check : all) {
    const auto finding = check.look(probe);
    failed += finding.result == Finding::Result::fails;
    std::cout << padded(std::to_string(check.number), 3) << padded(word_of(finding.result), 9) << check.title << ": " << finding.reason << "\n";
  }
  std::cout << "of " << all.size() << " checks " << failed << " do not hold\n";
  return failed == 0 ? 0 : 1;
}

int check(const std::string& data_dir) {
  auto settings = read_running_note(data_dir);
  if (!settings) return std::cerr << "keelson: no server was started on " << data_dir << ": " << settings.error().message << "\n", kCannotAsk;
  auto probe = Probe::make(std::move(*settings));
  if (!probe) return std::cerr << "keelson: " << probe.error().message << "\n", kCannotAsk;
  return run_checks(**probe);
}

}  // namespace

std::function<int()> add_check_command(CLI::App& app) {
  auto* const command = app.add_subcommand("check", "print the hardening checks of a running server, each with result and reason");
  auto data_dir = std::make_shared<std::string>(kDefaultDataDir);
  command->add_option("--data-dir", *data_dir, "the server's folder")->envname("KEELSON_DATA_DIR");
  return [data_dir] { return check(*data_dir); };
}

}  // namespace keelson::server
