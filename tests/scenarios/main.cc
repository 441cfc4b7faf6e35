// scenarios FILE...: runs each; prints one line a file. Plugins come from $KEELSON_PLUGIN_DIR.
#include <cstdlib>
#include <exception>
#include <iostream>

#include "sdk/testing/scenario.hpp"

int main(int count, char** arguments) {
  const char* plugins = std::getenv("KEELSON_PLUGIN_DIR");
  int failed = 0;
  for (int i = 1; i < count; ++i) {
    try {
      keelson::testing::run_scenario(arguments[i], plugins != nullptr ? plugins : ".");
      std::cout << "ok    " << arguments[i] << std::endl;
    } catch (const std::exception& wrong) {
      ++failed;
      std::cout << "FAIL  " << wrong.what() << std::endl;
    }
  }
  return failed == 0 ? 0 : 1;
}
