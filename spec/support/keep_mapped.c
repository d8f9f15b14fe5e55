/* keep_mapped.c - preloaded, keeps libraries where they are, so that a report
** at the end of the process still finds their symbols */
int dlclose(void *handle);

int dlclose(void *handle) {
  (void)handle;
  return 0;
}
