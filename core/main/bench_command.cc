#include "core/main/bench_command.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

namespace keelson::server {

std::function<int()> add_bench_command(CLI::App& app) {
  auto* const bench = app.add_subcommand("bench", "measure any Kubernetes API server by its kubeconfig");
  bench->prefix_command();
  bench->set_help_flag();   // its own program answers that
  return [bench] {
    std::error_code failed;
    const auto program = (std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "keelson-bench").string();
    auto words = bench->remaining();
    std::vector<char*> arguments{const_cast<char*>(program.c_str())};   // execv does not write to them
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(program.c_str(), arguments.data());
    std::cerr << "keelson bench: " << program << ": " << std::strerror(errno) << "\n";
    return 1;
  };
}

}  // namespace keelson::server
