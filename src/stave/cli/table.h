// Tables that line up, for people. Programs read --json instead.

#pragma once

#include <string>
#include <vector>

namespace stave::cli {

struct Column {
  std::string heading;  // "SIZE"
  bool right = false;   // numbers line up at their end
};

// Collects rows and gives them as text.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell for each column; missing ones are empty. A cell is shown on one line, made harmless by
  // one_line().
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // The headings (bold if `color`) and the rows, columns two blanks apart, without blanks at the ends of
  // lines. Of an empty table the headings are left.
  std::string render(bool color) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace stave::cli
