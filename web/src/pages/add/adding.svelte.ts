/** Opens the dialog to add something, from anywhere. */

class Adding {
  open = $state(false);
  /** The day it is for; today when undefined. */
  day = $state<string | undefined>();

  start(): void {
    // From a day's page, what is added is of that day.
    this.day = /^\/day\/(\d{4}-\d\d-\d\d)$/.exec(location.pathname)?.[1];
    this.open = true;
  }
}

export const adding = new Adding();
