// Builds the hello image of the README through the library: one binary, from
// scratch, tagged in a layout and written as an archive that podman loads.

#include <cstdio>

#include "stave/base/error.h"
#include "stave/image/builder.h"
#include "stave/place/place.h"

int main(int argc, char** argv) try {
  if (argc != 4) return std::fputs("usage: hello_image BINARY LAYOUT ARCHIVE\n", stderr), 2;
  const stave::Context context{.jobs = 2};
  const auto store = stave::content::Store::create(argv[2], 0755);

  auto base = stave::image::scratch(stave::spec::Platform::parse("linux/amd64"));
  stave::image::Builder builder(context, store, store, base,
                                {.codec = stave::compress::Codec::parse("gzip")});
  builder.add(argv[1], "/hello", {.owner = stave::layer::Owner{0, 0}, .mtime = stave::layer::Timestamp{}});
  auto image = std::move(builder).finish();
  auto config = image.config;
  config.entrypoint = {"/hello"};

  const auto root = stave::image::put(store, stave::image::with_config(image, config));
  store.tag("hello:scratch", root);
  stave::place::copy(context, store, root, stave::place::Words::parse(std::string("oci-archive:") + argv[3]),
                     {.name = "hello:scratch"}, {});
  std::puts(root.digest.str().c_str());
} catch (const stave::Error& e) {
  return std::fprintf(stderr, "%s\n", e.what()), 1;
}
