// The page docs/rules.md, printed from the tables of rules and sentences.

#pragma once

#include <string>

namespace stave::validate {

std::string rules_page();

}  // namespace stave::validate
