#include <catch2/catch.hpp>

#include "core/plugins/verify.hpp"

using namespace keelson;

TEST_CASE("what a library takes of time, chance and the outside is named, and nothing else") {
  plugins::ElfFacts facts;
  facts.imports = {"memcpy", "socket", "clock_gettime", "_ZNSt6chrono3_V212system_clock3nowEv", "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE", "timer_sort", "posix_spawnattr_init", "getrandom"};
  const auto uses = plugins::uses_of(facts);
  std::string text;
  for (const auto& use : uses) {
    text += use.what + "=";
    for (const auto& function : use.functions) text += function.substr(0, function.find('(')) + " ";
  }
  CHECK(text == "time=clock_gettime std::chrono::_V2::system_clock::now randomness=getrandom sockets=socket threads=std::thread::_M_start_thread ");
}

TEST_CASE("a report is told one fact a line, and ends with the verdict") {
  boost::json::object report{{"file", "a.so"}, {"abi", "1.0"}, {"kinds", {"a", "b"}}, {"tasks", boost::json::array{}}, {"uses", {{"sleep", {"poll"}}}},
                             {"verdict", {{"loads", false}, {"reason", "BadName"}, {"message", "no"}}}};
  const auto text = plugins::verify_text(report);
  CHECK(text.starts_with("file         a.so\nABI          1.0 (this core: "));
  CHECK(text.ends_with("kinds        a, b\nsleep        poll\nverdict      would be refused: BadName: no\n"));
}
