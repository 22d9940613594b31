// The picture of a graph: a row for each blob, lines from parents to children,
// a colour for each sort. Written by hand: numbers are whole, texts escaped.

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"
#include "stave/inspect/graph.h"

namespace stave::inspect {
namespace {

constexpr int row_height = 34;
constexpr int box_height = 26;
constexpr int indent = 28;
constexpr int margin = 16;
constexpr int letter = 8;  // of the 13 px monospace face, rounded up
constexpr int radius = 5;

// Both grounds have 4.5:1 with text and lines (WCAG 2, 1.4.3).
constexpr std::string_view style = R"(<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1f2328}
.quiet{fill:#59636e}.bad{fill:#b3261e}.ground{fill:#ffffff}
rect.box{stroke-width:1.5}line{stroke:#818b98;stroke-width:1.5}.again{stroke-dasharray:4 3}
.index{fill:#ddf4ff;stroke:#0969da}.image{fill:#dafbe1;stroke:#1a7f37}.config{fill:#fff8c5;stroke:#9a6700}
.layer{fill:#fbefff;stroke:#8250df}.other{fill:#f6f8fa;stroke:#59636e}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}.bad{fill:#ff8a80}.ground{fill:#0d1117}
line{stroke:#767f89}.index{fill:#0c2d6b;stroke:#58a6ff}.image{fill:#04260f;stroke:#3fb950}
.config{fill:#341a00;stroke:#d29922}.layer{fill:#2e1461;stroke:#bc8cff}.other{fill:#161b22;stroke:#9198a1}}
</style>
)";

// XML 1.0, 2.4; what `printable` gives has no control characters (2.2).
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  // U+FFFE and U+FFFF are characters that no XML may hold.
  for (const std::string_view no : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (std::size_t at = out.find(no); at != std::string::npos; at = out.find(no)) out.replace(at, 3, "?");
  }
  return out;
}

std::string_view color_class(GraphNode::Sort sort) {
  switch (sort) {
    case GraphNode::Sort::index:
      return "index";
    case GraphNode::Sort::image:
      return "image";
    case GraphNode::Sort::config:
      return "config";
    case GraphNode::Sort::layer:
      return "layer";
    default:
      return "other";
  }
}

// More than fits on any screen is not a picture any more.
std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  text.resize(most);
  while (!text.empty() && !is_utf8(text)) text.pop_back();
  return text + "…";
}

struct Row {
  std::string inside;   // in the box
  std::string quiet;    // behind it: digest and size
  std::string remarks;  // behind that
};

Row row_of(const GraphNode& node) {
  constexpr std::size_t label_most = 60;
  constexpr std::size_t remark_most = 100;
  return {
      .inside = cut(label(node), label_most),
      .quiet = fmt::format("{}  {}", node.descriptor.digest.short_hex(), human_size(node.descriptor.size)),
      .remarks = cut(join(remarks(node), ", "), remark_most)};
}

int width_of(std::string_view text) { return static_cast<int>(text.size()) * letter; }

class Picture {
 public:
  explicit Picture(const Graph& graph) : graph_(graph) {}

  std::string draw() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) row(i);
    const int height = static_cast<int>(graph_.nodes.size()) * row_height + 2 * margin;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "role=\"img\">\n<title>{2}</title>\n",
        width_ + margin, height, escaped(graph_.nodes.front().name));
    out += style;
    out += fmt::format("<rect class=\"ground\" width=\"{}\" height=\"{}\"/>\n", width_ + margin, height);
    return out + lines_ + boxes_ + "</svg>\n";
  }

 private:
  void row(std::size_t i) {
    const GraphNode& node = graph_.nodes[i];
    const Row texts = row_of(node);
    const int x = margin + static_cast<int>(node.depth) * indent;
    const int y = margin + static_cast<int>(i) * row_height;
    const int middle = y + box_height / 2;
    if (node.depth != 0) connect(node, x, middle);
    bottoms_.resize(node.depth);
    bottoms_.push_back(y + box_height);

    const int box = width_of(texts.inside) + 2 * letter;
    const std::string_view dashed = node.above || node.subject ? " again" : "";
    boxes_ +=
        fmt::format("<rect class=\"box {}{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\n",
                    color_class(node.sort), dashed, x, y, box, box_height, radius);
    text("", x + letter, middle, texts.inside);
    int at = x + box + letter;
    text(" class=\"quiet\"", at, middle, texts.quiet);
    at += width_of(texts.quiet) + 2 * letter;
    if (!texts.remarks.empty())
      text(node.state == GraphNode::State::here ? "" : " class=\"bad\"", at, middle, texts.remarks);
    width_ = std::max(width_, at + width_of(texts.remarks));
  }

  // Down from the box of the parent, and over to this one.
  void connect(const GraphNode& node, int x, int middle) {
    const int from = x - indent + indent / 2;
    const std::string_view dashed = node.above || node.subject ? " class=\"again\"" : "";
    lines_ += fmt::format("<line x1=\"{0}\" y1=\"{1}\" x2=\"{0}\" y2=\"{2}\"/>\n", from,
                          bottoms_[node.depth - 1], middle);
    lines_ +=
        fmt::format("<line{} x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", dashed, from, middle, x, middle);
  }

  void text(std::string_view attributes, int x, int middle, std::string_view what) {
    constexpr int baseline = 4;
    boxes_ += fmt::format("<text{} x=\"{}\" y=\"{}\" xml:space=\"preserve\">{}</text>\n", attributes, x,
                          middle + baseline, escaped(what));
  }

  const Graph& graph_;
  std::vector<int> bottoms_;  // of the boxes from the root to here
  std::string lines_;
  std::string boxes_;
  int width_ = 0;
};

}  // namespace

std::string to_svg(const Graph& graph) { return Picture(graph).draw(); }

}  // namespace stave::inspect
