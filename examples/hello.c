/* Says hello: to its first argument, or else to the machine it believes to be on. The smallest thing worth an image. */

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  const char* host = getenv("HOSTNAME");
  printf("hello %s!\n", argc > 1 ? argv[1] : host ? host : "nobody");
  return 0;
}
